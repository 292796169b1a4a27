"""The parts of the road as Pulumi components. `__main__.py` puts them together."""

from components.alarm_table import rollout_alarm_names
from components.alarms import Alarms, AlarmsArgs
from components.approval import ApprovalAutomation, ApprovalAutomationArgs
from components.approval_bridge import ApprovalBridge, ApprovalBridgeArgs
from components.build_project import BuildProject, HandOver, deploy_build, train_build
from components.clean_up import CleanUp, CleanUpArgs
from components.dashboard import Dashboard, DashboardArgs
from components.encryption import EncryptionKey, EncryptionKeyArgs
from components.endpoint_log import EndpointLog, EndpointLogArgs
from components.exports import exports
from components.names import Names
from components.notifications import Notifications, NotificationsArgs
from components.pipeline import ReleasePipeline, ReleasePipelineArgs
from components.pipeline_stages import Called
from components.registry import ModelRegistry, ModelRegistryArgs
from components.roles import Roles, RolesArgs
from components.settings import Settings, silences
from components.source import SourceRepository, SourceRepositoryArgs
from components.storage import Storage, StorageArgs
from components.trail import AuditTrail, AuditTrailArgs

__all__ = [
    "Alarms",
    "AlarmsArgs",
    "ApprovalAutomation",
    "ApprovalAutomationArgs",
    "ApprovalBridge",
    "ApprovalBridgeArgs",
    "AuditTrail",
    "AuditTrailArgs",
    "BuildProject",
    "Called",
    "CleanUp",
    "CleanUpArgs",
    "Dashboard",
    "DashboardArgs",
    "EncryptionKey",
    "EncryptionKeyArgs",
    "EndpointLog",
    "EndpointLogArgs",
    "HandOver",
    "ModelRegistry",
    "ModelRegistryArgs",
    "Names",
    "Notifications",
    "NotificationsArgs",
    "ReleasePipeline",
    "ReleasePipelineArgs",
    "Roles",
    "RolesArgs",
    "Settings",
    "SourceRepository",
    "SourceRepositoryArgs",
    "Storage",
    "StorageArgs",
    "deploy_build",
    "exports",
    "rollout_alarm_names",
    "silences",
    "train_build",
]
