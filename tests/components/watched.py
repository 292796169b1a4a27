"""What the tests of everything that is watched share: each approval mode with addresses and a trail, and its names."""

from typing import Any

from components.names import Names
from components.settings import Settings
from ml import contract
from tests.harness import ACCOUNT, REGION

MODES = (contract.AUTOMATED, contract.MANUAL, contract.BOTH)
KEY_ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/key-key"
APPROVERS = ["ann@example.com", "bob@example.com"]
ON_CALL = ["cat@example.com", "dan@example.com", "eve@example.com"]


def changes(mode: str, **more: Any) -> dict[str, Any]:
    """Return the settings of a mode, with everything on that can be; `more` are further keys."""
    approvers = {} if mode == contract.AUTOMATED else {"approvers": APPROVERS}
    return {
        "approval": {"mode": mode, **approvers},
        "alarms": {"emails": ON_CALL},
        "audit": {"trail": True, "retentionDays": 731},
        **more,
    }


def settings_of(mode: str, **more: Any) -> Settings:
    """Return the checked settings of dev in a mode."""
    return Settings.parse({"nameSuffix": "", **changes(mode, **more)}, stack="dev", project="mle-004")


def names_of(settings: Settings) -> Names:
    """Return the names that go with the settings."""
    return Names.of(settings, account=ACCOUNT, region=REGION)
