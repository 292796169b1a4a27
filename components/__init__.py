"""The parts of the road as Pulumi components. `__main__.py` puts them together."""

from components.approval import ApprovalAutomation, ApprovalAutomationArgs
from components.build_project import BuildProject, HandOver, deploy_build, train_build
from components.encryption import EncryptionKey, EncryptionKeyArgs
from components.endpoint_log import EndpointLog, EndpointLogArgs
from components.names import Names
from components.pipeline import ReleasePipeline, ReleasePipelineArgs, automated_approval, manual_approval
from components.registry import ModelRegistry, ModelRegistryArgs
from components.roles import Roles, RolesArgs
from components.settings import Settings
from components.source import SourceRepository, SourceRepositoryArgs
from components.storage import Storage, StorageArgs

__all__ = [
    "ApprovalAutomation",
    "ApprovalAutomationArgs",
    "BuildProject",
    "EncryptionKey",
    "EncryptionKeyArgs",
    "EndpointLog",
    "EndpointLogArgs",
    "HandOver",
    "ModelRegistry",
    "ModelRegistryArgs",
    "Names",
    "ReleasePipeline",
    "ReleasePipelineArgs",
    "Roles",
    "RolesArgs",
    "Settings",
    "SourceRepository",
    "SourceRepositoryArgs",
    "Storage",
    "StorageArgs",
    "automated_approval",
    "deploy_build",
    "manual_approval",
    "train_build",
]
