"""What EventBridge may do on a push."""

from components.arns import Arns
from components.iam import Statement, allow
from components.settings import Settings


def trigger_statements(arns: Arns, settings: Settings) -> list[Statement]:
    """Start this one pipeline."""
    return [allow("StartPipeline", ["codepipeline:StartPipelineExecution"], arns.pipeline)]
