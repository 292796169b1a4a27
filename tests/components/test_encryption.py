"""The key, the logs that it encrypts, and the services that any policy lets in."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.alarm_table import alarms
from components.encryption import log_groups
from components.settings import Settings
from ml import contract
from tests.components.watched import KEY_ARN, MODES, changes, names_of, settings_of
from tests.harness import ACCOUNT, REGION, Recorded

Record = Callable[..., Recorded]
POLICY_TYPES = ("kms/key:Key", "TopicPolicy", "QueuePolicy", "BucketPolicy")
TRAIL_ARN = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/mle-004-trail"
# What stands for aws:SourceAccount where a service's guide has something else: its condition keys, all of them needed.
INSTEAD_OF_ACCOUNT = {
    f"logs.{REGION}.amazonaws.com": {"kms:EncryptionContext:aws:logs:arn"},
    "cloudtrail.amazonaws.com": {"aws:SourceArn"},
}


def key_statements_of(run: Recorded) -> dict[str, dict[str, Any]]:
    return {one["Sid"]: one for one in json.loads(run.one("kms/key:Key").inputs["policy"])["Statement"]}


def services(run: Recorded) -> list[tuple[str, dict[str, Any]]]:
    """Return each statement of a resource's own policy that lets a service in, with the service."""
    policies = [one.inputs["policy"] for kind in POLICY_TYPES for one in run.of(kind)]
    statements = [one for text in policies for one in json.loads(text)["Statement"]]
    return [
        (one["Principal"]["Service"], one)
        for one in statements
        if isinstance(one["Principal"], dict) and "Service" in one["Principal"]
    ]


def condition_keys(statement: dict[str, Any]) -> dict[str, Any]:
    return {key: value for test in statement["Condition"].values() for key, value in test.items()}


def test_the_key_rotates_and_is_deleted_slowly(recorded: Record) -> None:
    key = recorded().one("kms/key:Key").inputs
    assert key["enableKeyRotation"] is True
    assert key["deletionWindowInDays"] == 30
    assert recorded().one("kms/alias:Alias").inputs["name"] == "alias/mle-004"


def test_the_account_administers_the_key(recorded: Record) -> None:
    account = key_statements_of(recorded())["AccountDecidesByIam"]
    assert account["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert account["Action"] == ["kms:*"]


@pytest.mark.parametrize("trail", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_the_key_serves_exactly_the_log_groups_of_the_mode(mode: str, trail: bool, recorded: Record) -> None:
    chosen = changes(mode) if trail else {"approval": {"mode": mode}}
    run = recorded("dev", chosen)
    logs = key_statements_of(run)["LogsOfThisStack"]
    served = set(logs["Condition"]["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"])
    settings = Settings.parse({"nameSuffix": "", **chosen}, stack="dev", project="mle-004")
    assert settings.audit.trail is trail
    prefix = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:"
    assert served == {f"{prefix}{group}" for group in log_groups(names_of(settings), settings)}
    assert {f"{prefix}{one.inputs['name']}" for one in run.of("LogGroup")} == served


@pytest.mark.parametrize("mode", MODES)
def test_every_log_group_is_encrypted_and_kept_as_long_as_the_settings_say(mode: str, recorded: Record) -> None:
    groups = [one.inputs for one in recorded("dev", changes(mode)).of("LogGroup")]
    assert {(one.get("retentionInDays"), one.get("kmsKeyId")) for one in groups} == {(731, KEY_ARN)}


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_has_the_logs_of_its_own_functions_and_of_no_other(mode: str) -> None:
    settings = settings_of(mode)
    groups = log_groups(names_of(settings), settings)
    assert ("/aws/lambda/mle-004-auto-approve-model" in groups) is settings.approval.judges_metrics
    assert ("/aws/lambda/mle-004-approval-bridge" in groups) is settings.approval.asks_person
    assert len(groups) == len(set(groups))


@pytest.mark.parametrize("mode", MODES)
def test_cloudwatch_uses_the_key_for_exactly_the_alarms_of_this_stack(mode: str, recorded: Record) -> None:
    settings = settings_of(mode)
    statement = key_statements_of(recorded("dev", changes(mode)))["AlarmsOfThisStack"]
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnEquals": {
            "aws:SourceArn": [
                f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{row.name}"
                for row in alarms(names_of(settings), settings)
            ]
        },
    }


def test_cloudtrail_uses_the_key_for_this_trail(recorded: Record) -> None:
    found = key_statements_of(recorded("dev", changes(contract.AUTOMATED)))
    encrypts, describes = found["TrailEncrypts"], found["TrailDescribes"]
    assert encrypts["Action"] == ["kms:GenerateDataKey*"]
    assert encrypts["Condition"] == {
        "StringEquals": {"aws:SourceArn": TRAIL_ARN},
        "StringLike": {
            "kms:EncryptionContext:aws:cloudtrail:arn": f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/*",
        },
    }
    assert describes["Action"] == ["kms:DescribeKey"]
    assert describes["Condition"] == {"StringEquals": {"aws:SourceArn": TRAIL_ARN}}


def test_cloudtrail_may_not_use_the_key_of_a_stack_without_a_trail(recorded: Record) -> None:
    assert set(key_statements_of(recorded("dev", {"audit": {"trail": False}}))) == {
        "AccountDecidesByIam",
        "LogsOfThisStack",
        "AlarmsOfThisStack",
    }


@pytest.mark.parametrize("mode", MODES)
def test_no_policy_lets_a_service_in_for_another_account(mode: str, recorded: Record) -> None:
    found = services(recorded("dev", changes(mode)))
    assert {"cloudwatch.amazonaws.com", "cloudtrail.amazonaws.com", "logging.s3.amazonaws.com"} <= {
        service for service, _ in found
    }
    for service, statement in found:
        keys = condition_keys(statement)
        if service in INSTEAD_OF_ACCOUNT:
            assert set(keys) >= INSTEAD_OF_ACCOUNT[service], statement["Sid"]
            for key in INSTEAD_OF_ACCOUNT[service]:
                values = [keys[key]] if isinstance(keys[key], str) else keys[key]
                assert all(f":{ACCOUNT}:" in value for value in values), statement["Sid"]
        else:
            assert keys["aws:SourceAccount"] == ACCOUNT, statement["Sid"]
            assert "aws:SourceArn" in keys, statement["Sid"]


@pytest.mark.parametrize("mode", MODES)
def test_eventbridge_publishes_to_no_topic_and_uses_no_key(mode: str, recorded: Record) -> None:
    # SNS and EventBridge honour no aws:SourceAccount there: any account's rule could.
    run = recorded("dev", changes(mode))
    texts = [one.inputs["policy"] for kind in ("kms/key:Key", "TopicPolicy") for one in run.of(kind)]
    assert not any("events.amazonaws.com" in text for text in texts)
