"""What the trail may do."""

from components.arns import Arns
from components.grants.common import WRITE_LOG
from components.iam import Statement, allow
from components.settings import Settings


def trail_statements(arns: Arns, settings: Settings) -> list[Statement]:
    """Write into its own streams of one log group (CloudTrail user guide, Role policy document for CloudWatch Logs)."""
    # The prefix of the streams that CloudTrail makes: <account>_CloudTrail_<region>, the region being the event's.
    streams = f"{arns.log_group(arns.names.trail_log_group)}:log-stream:{arns.names.account}_CloudTrail_*"
    return [allow("WriteLog", WRITE_LOG, streams)]
