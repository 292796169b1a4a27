"""A release on its way: whatever happens, only a proven model stays, and the next run finishes what was begun."""

import contextlib
import copy
import dataclasses
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml import endpoint, registry
from ml.errors import RoadError
from tests.ml.hosting_account import GROUP_ARN, NAME, HostingAccount, Killed, pauses, release


@pytest.fixture
def account(check_request: Any) -> HostingAccount:
    return HostingAccount(check_request)


def versions(account: HostingAccount) -> list[str]:
    """The versions whose models exist."""
    return sorted(name.split("--")[1].split("-")[0] for name in account.models)


def serves(account: HostingAccount, version: int) -> bool:
    """Whether this version, and nothing half done, is what is left."""
    endpoint = account.endpoint
    return endpoint is not None and endpoint["status"] == "InService" and account.version == version


# --- the first release


def test_the_first_release_creates_the_endpoint_and_is_proven(account: HostingAccount) -> None:
    config = account.run(release(1))

    assert serves(account, 1)
    assert account.writes == ["create_model", "create_endpoint_config", "create_endpoint", "deregister_scalable_target"]
    assert list(account.configs) == [config]


def test_an_endpoint_that_fails_at_its_creation_is_made_once_more(account: HostingAccount) -> None:
    account.bad = {1}
    with pytest.raises(RoadError, match="endpoint mle-004-churn is Failed: did not pass the ping"):
        account.run(release(1))

    assert account.operations.count("create_endpoint") == 2
    assert (account.endpoint, account.models, account.configs) == (None, {}, {})


def test_an_endpoint_that_failed_in_an_earlier_run_is_made_anew(account: HostingAccount) -> None:
    account.run(release(1))
    account.endpoint |= {"status": "Failed", "serving": None, "reason": "no capacity"}
    account.run(release(2))

    assert serves(account, 2)
    assert account.violations == []


def test_a_first_model_that_proves_wrong_is_removed_with_its_endpoint(account: HostingAccount) -> None:
    account.wrong = {1}
    with pytest.raises(RoadError, match="predicts .* It was the endpoint's first model: the endpoint is removed"):
        account.run(release(1))

    assert (account.endpoint, account.models, account.configs) == (None, {}, {})


# --- the next one


def test_the_next_release_takes_over_and_the_old_one_stays_to_return_to(account: HostingAccount) -> None:
    account.run(release(1))
    account.run(release(2))

    assert serves(account, 2)
    assert versions(account) == ["v1", "v2"]
    (update,) = account.sent("update_endpoint")
    assert update["DeploymentConfig"]["AutoRollbackConfiguration"] == {"Alarms": [{"AlarmName": "errors"}]}


def test_an_update_that_rolls_back_leaves_the_old_version_and_nothing_of_the_new(account: HostingAccount) -> None:
    before = account.run(release(1))
    account.bad = {2}
    with pytest.raises(RoadError, match=rf"rolled back: it serves {before} again, not .*: did not pass the ping"):
        account.run(release(2))

    assert serves(account, 1)
    assert (versions(account), list(account.configs)) == (["v1"], [before])


def test_the_reason_that_an_earlier_update_left_ends_no_later_one(account: HostingAccount) -> None:
    account.run(release(1))
    account.bad = {2}
    with pytest.raises(RoadError, match="rolled back"):
        account.run(release(2))
    account.stale_looks = 2
    account.run(release(3))

    assert serves(account, 3)
    assert account.violations == []


def test_such_a_reason_does_not_keep_a_wrong_model_from_being_taken_back(account: HostingAccount) -> None:
    before = account.run(release(1))
    account.run(release(2))
    assert account.endpoint is not None
    account.endpoint["reason"] = "of an update that failed since"
    account.wrong, account.stale_looks = {2}, 2
    with pytest.raises(RoadError, match=f"predicts .* {before} serves again"):
        account.run(release(2))

    assert serves(account, 1)
    assert account.violations == []


def test_nothing_is_removed_while_the_endpoint_changes(account: HostingAccount, capsys: Any) -> None:
    """The update shows only when it has been given up."""
    account.run(release(1))
    account.stale_looks = len(list(pauses(0)))
    with pytest.raises(RoadError, match="rolled back"):
        account.run(release(2))

    assert account.violations == []
    assert versions(account) == ["v1", "v2"]
    assert "not tidied up: endpoint mle-004-churn" in capsys.readouterr().out


def test_a_model_that_proves_wrong_is_taken_back_at_once(account: HostingAccount) -> None:
    before = account.run(release(1))
    account.wrong = {2}
    with pytest.raises(RoadError, match=rf"predicts .* {before} serves again"):
        account.run(release(2))

    assert serves(account, 1)
    assert account.sent("update_endpoint")[-1] == {"EndpointName": NAME, "EndpointConfigName": before}
    assert (versions(account), list(account.configs)) == (["v1"], [before])


@pytest.mark.parametrize("failing", ["refused", "rolled back"])
def test_a_way_back_that_fails_is_told_with_what_serves_and_its_repair(account: HostingAccount, failing: str) -> None:
    before = account.run(release(1))
    account.wrong = {2}
    update = account._update_endpoint

    def fails(EndpointConfigName: str, **parameters: Any) -> Any:
        if EndpointConfigName == before and failing == "refused":
            raise ClientError({"Error": {"Code": "ResourceLimitExceeded", "Message": "2 Instances"}}, "UpdateEndpoint")
        account.bad = {1}
        update(EndpointConfigName=EndpointConfigName, **parameters)

    account._update_endpoint = fails  # type: ignore[method-assign]
    with pytest.raises(RoadError) as caught:
        account.run(release(2))
    told = str(caught.value)
    assert told.startswith("an unproven model, version 2, still serves endpoint mle-004-churn: the way back failed: ")
    assert ("2 Instances" if failing == "refused" else "rolled back") in told
    assert "predicts" in told and "Retry the stage" in told and "\n" not in told
    assert told.endswith(f"aws sagemaker update-endpoint --endpoint-name {NAME} --endpoint-config-name {before}")
    assert (serves(account, 2), account.violations) == (True, [])

    account._update_endpoint, account.bad = update, set()  # type: ignore[method-assign]
    with pytest.raises(RoadError, match=f"predicts .* {before} serves again"):
        account.run(release(2))
    assert serves(account, 1)


def test_a_first_model_that_cannot_be_removed_is_told_with_its_repair(account: HostingAccount) -> None:
    account.wrong = {1}

    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DeleteEndpoint")

    account._delete_endpoint = refuse  # type: ignore[method-assign]
    with pytest.raises(RoadError, match="unproven model, version 1, still serves .*AccessDenied.* delete-endpoint --e"):
        account.run(release(1))

    assert serves(account, 1)


@pytest.mark.parametrize("first", [True, False])
def test_without_quota_nothing_changes_and_nothing_is_left(account: HostingAccount, first: bool) -> None:
    if not first:
        account.run(release(1))
    account.quota_is_used_up = True
    with pytest.raises(RoadError, match="account-level limit is 2 Instances; nothing was deployed. .* quota"):
        account.run(release(2))

    assert account.version == (None if first else 1)
    assert versions(account) == ([] if first else ["v1"])


def test_a_change_whose_answer_was_lost_is_followed_not_undone(account: HostingAccount) -> None:
    """boto3 sends the call again, and the endpoint, changing by now, refuses it."""
    account.run(release(1))
    update = account._update_endpoint

    def twice(**parameters: Any) -> Any:
        update(**parameters)
        update(**parameters)

    account._update_endpoint = twice  # type: ignore[method-assign]
    account.run(release(2))

    assert serves(account, 2)
    assert account.violations == []


def test_another_refusal_is_the_services_own_error(account: HostingAccount) -> None:
    account.run(release(1))

    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "UpdateEndpoint")

    account._update_endpoint = refuse  # type: ignore[method-assign]
    with pytest.raises(ClientError, match="AccessDeniedException"):
        account.run(release(2))
    assert versions(account) == ["v1"]


def test_an_endpoint_with_both_fleets_is_left_to_a_person(account: HostingAccount) -> None:
    account.run(release(1))
    account.endpoint["status"] = "UpdateRollbackFailed"
    before = len(account.writes)
    with pytest.raises(RoadError, match="is UpdateRollbackFailed.*mix of the old and the new.*rolling deployments"):
        account.run(release(2))

    assert len(account.writes) == before


# --- what must not begin


def test_an_older_version_is_refused_before_anything_changes(account: HostingAccount) -> None:
    account.run(release(9))
    before = len(account.writes)
    with pytest.raises(RoadError, match="version 9 serves already and version 7 is older.*RELEASE_MODEL_PACKAGE_ARN="):
        account.run(release(7))

    assert serves(account, 9)
    assert len(account.writes) == before


def test_an_older_version_that_a_person_asked_for_is_released(account: HostingAccount) -> None:
    account.run(release(9))
    account.run(release(7, requested=True))

    assert serves(account, 7)


def test_versions_of_another_group_say_nothing_about_age(account: HostingAccount) -> None:
    account.run(release(9))
    other = registry.parse_model_package_arn(f"{GROUP_ARN.replace('Churn', 'Other')}/1")
    account.run(dataclasses.replace(release(1), model_package=other))

    assert serves(account, 1)


def test_a_model_that_somebody_removed_stops_no_release(account: HostingAccount) -> None:
    account.run(release(9))
    describe, gone = account._describe_model, account.run(release(9)).rpartition("-")[0]

    def without_the_live_one(ModelName: str) -> Any:
        return describe(ModelName="absent" if ModelName == gone else ModelName)

    account._describe_model = without_the_live_one  # type: ignore[method-assign]
    account.run(release(7))

    assert serves(account, 7)


def test_an_alarm_that_rings_already_stops_an_update_but_not_the_repair_without_alarms(account: HostingAccount) -> None:
    account.run(release(1))
    account.alarms["errors"] = "ALARM"
    with pytest.raises(RoadError, match="alarm errors rings .*nothing was deployed.*endpoint.bakeSeconds to 0"):
        account.run(release(2))
    assert versions(account) == ["v1"]

    account.run(release(2, bake_seconds="0"))
    assert serves(account, 2)


def test_an_alarm_that_does_not_exist_stops_an_update(account: HostingAccount) -> None:
    account.run(release(1))
    account.alarms.clear()
    with pytest.raises(RoadError, match="alarm errors does not exist; nothing was deployed. Run pulumi up"):
        account.run(release(2))


@pytest.mark.parametrize("kinds", [("realtime", "serverless"), ("serverless", "realtime")])
def test_an_endpoint_keeps_its_kind(account: HostingAccount, kinds: tuple[str, str]) -> None:
    account.run(release(1, kind=kinds[0]))
    before = len(account.writes)
    with pytest.raises(RoadError, match=f"cannot become {kinds[1]} in place; nothing was deployed.*delete-endpoint"):
        account.run(release(2, kind=kinds[1]))

    assert len(account.writes) == before


# --- again


def test_a_second_run_of_the_same_execution_only_proves(account: HostingAccount) -> None:
    account.run(release(1))
    account.calls.clear()
    account.run(release(1))

    assert account.writes == ["deregister_scalable_target"]
    assert "invoke_endpoint" in account.operations


def test_the_version_in_service_released_by_another_execution_only_proves(account: HostingAccount) -> None:
    config = account.run(release(1))
    account.calls.clear()

    assert account.run(release(1, execution="another", requested=True)) == config
    assert account.writes == ["deregister_scalable_target"]


def test_a_version_that_was_proven_by_another_execution_is_not_taken_down(account: HostingAccount) -> None:
    account.run(release(1))
    account.wrong = {1}
    with pytest.raises(RoadError, match="predicts"):
        account.run(release(1, execution="another", requested=True))

    assert serves(account, 1)


def test_the_same_version_on_other_instances_is_an_update(account: HostingAccount) -> None:
    account.run(release(1))
    account.run(release(1, execution="another", instance_type="ml.c5.large"))

    assert account._variant(account.endpoint["serving"])["InstanceType"] == "ml.c5.large"
    assert versions(account) == ["v1"]


def test_what_a_dead_execution_left_behind_is_removed_before_the_next_update(account: HostingAccount) -> None:
    account.run(release(1))
    account.kill_before = len(account.calls) + len(_calls_until(account, "update_endpoint"))
    with pytest.raises(Killed):
        account.run(release(2))
    assert versions(account) == ["v1", "v2"]
    account.kill_before = None
    account.calls.clear()
    account.run(release(3))

    assert versions(account) == ["v1", "v3"]
    assert account.operations.index("delete_model") < account.operations.index("update_endpoint")


def test_a_wrong_model_found_late_gives_way_to_what_served_before_not_to_what_never_did(
    account: HostingAccount,
) -> None:
    """One execution died before its update, the next one between its update and its proof."""
    before = account.run(release(1))
    account.kill_before = len(account.calls) + len(_calls_until(account, "update_endpoint"))
    with pytest.raises(Killed):
        account.run(release(2))
    account.wrong = {3}
    account.kill_before = len(account.calls) + len(_calls_until(account, "invoke_endpoint", version=3))
    with pytest.raises(Killed):
        account.run(release(3))
    assert serves(account, 3)
    account.kill_before = None
    with pytest.raises(RoadError, match=f"predicts .* {before} serves again"):
        account.run(release(3))

    assert serves(account, 1)


def _calls_until(account: HostingAccount, operation: str, version: int = 2) -> list[str]:
    """The calls that this release makes before the given one, found on a copy of the account."""
    rehearsed = copy.deepcopy(account)
    rehearsed.calls.clear()
    rehearsed.kill_before = None
    with contextlib.suppress(RoadError):
        rehearsed.run(release(version))
    return rehearsed.operations[: rehearsed.operations.index(operation)]


def test_a_stage_that_is_retried_long_after_can_still_return_to_other_instances(account: HostingAccount) -> None:
    account.run(release(1, **SCALING))
    account.run(release(2, **SCALING, instance_type="ml.c5.large"))
    account.wrong = {2}
    with pytest.raises(RoadError, match="serves again"):
        account.run(release(2, **SCALING, instance_type="ml.c5.large"))

    assert serves(account, 1)
    assert account.target is not None


def test_a_first_release_that_is_retried_and_proves_wrong_leaves_no_scalable_target(account: HostingAccount) -> None:
    account.run(release(1, **SCALING))
    account.wrong = {1}
    with pytest.raises(RoadError, match="the endpoint is removed again"):
        account.run(release(1, **SCALING))

    assert (account.endpoint, account.target, account.violations) == (None, None, [])


# --- how long


def test_every_wait_lasts_as_long_as_the_alarms_are_watched(check_request: Any) -> None:
    """A linear update is watched four times; SageMaker has its own limit, then it takes the update back."""
    linear = {"instance_count": "4", "max_instance_count": "4", "traffic": "linear", "bake_seconds": "600"}
    account = HostingAccount(check_request)
    account.run(release(1, **linear))
    asked: list[float] = []

    def recording(seconds: float) -> Any:
        asked.append(seconds)
        return pauses(seconds)

    account.run(release(2, **linear), recording)
    limit = account.sent("update_endpoint")[0]["DeploymentConfig"]["BlueGreenUpdatePolicy"][
        "MaximumExecutionTimeoutInSeconds"
    ]

    assert limit == 1200 + 4 * 600
    assert asked[0] == endpoint.SETTLE_SECONDS + 4 * 600
    assert limit + endpoint.ROLL_BACK_SECONDS in asked


# --- how many are kept


def test_only_the_last_versions_are_kept_and_never_the_one_in_service_is_removed(account: HostingAccount) -> None:
    for version in (1, 2, 3, 4, 5):
        account.run(release(version))
    assert versions(account) == ["v3", "v4", "v5"]

    account.run(release(3, requested=True, execution="back"))
    assert versions(account) == ["v3", "v4", "v5"]
    account.run(release(6))
    assert versions(account) == ["v3", "v5", "v6"]
    assert account.violations == []


def test_a_failed_release_removes_no_old_version(account: HostingAccount) -> None:
    for version in (1, 2, 3):
        account.run(release(version))
    account.bad, account.wrong = {4}, {5}
    for version in (4, 5):
        with pytest.raises(RoadError):
            account.run(release(version))

    assert versions(account) == ["v1", "v2", "v3"]


def test_two_versions_are_kept_where_that_was_chosen(account: HostingAccount) -> None:
    for version in (1, 2, 3):
        account.run(release(version, keep_versions="2"))

    assert versions(account) == ["v2", "v3"]


# --- scaling

SCALING = {"instance_count": "2", "max_instance_count": "6", "traffic": "canary"}


def test_the_endpoint_scales_once_its_model_is_proven(account: HostingAccount) -> None:
    account.run(release(1, **SCALING))

    assert (account.target["MinCapacity"], account.target["MaxCapacity"]) == (2, 6)
    assert account.policy["PolicyType"] == "TargetTrackingScaling"
    order = account.operations
    assert order.index("invoke_endpoint") < order.index("register_scalable_target") < order.index("put_scaling_policy")


def test_an_update_keeps_the_instances_that_the_load_asked_for(account: HostingAccount) -> None:
    account.run(release(1, **SCALING))
    account.endpoint["instances"] = 5
    account.run(release(2, **SCALING))

    assert account.endpoint["instances"] == 5
    assert "deregister_scalable_target" not in account.writes


def test_so_does_the_way_back(account: HostingAccount) -> None:
    account.run(release(1, **SCALING))
    account.endpoint["instances"] = 5
    account.wrong = {2}
    with pytest.raises(RoadError, match="serves again"):
        account.run(release(2, **SCALING))

    assert account.endpoint["instances"] == 5
    assert account.target is not None
    assert account.policy is not None


def test_another_instance_type_takes_the_endpoint_out_of_scaling_while_it_is_updated(account: HostingAccount) -> None:
    account.run(release(1, **SCALING))
    account.run(release(2, **SCALING, instance_type="ml.c5.large"))

    assert account.writes.index("deregister_scalable_target") < account.writes.index("update_endpoint")
    assert account.target is not None


@pytest.mark.parametrize("failing", ["bad", "wrong", "quota"])
def test_a_failed_change_of_the_instance_type_lets_the_old_one_scale_again(
    account: HostingAccount, failing: str
) -> None:
    account.run(release(1, **SCALING))
    account.bad, account.wrong = {2} if failing == "bad" else set(), {2} if failing == "wrong" else set()
    account.quota_is_used_up = failing == "quota"
    with pytest.raises(RoadError):
        account.run(release(2, **SCALING, instance_type="ml.c5.large"))

    assert serves(account, 1)
    assert account.target is not None
    assert account.policy is not None


def test_scaling_that_was_switched_off_ends_with_the_next_release(account: HostingAccount) -> None:
    account.run(release(1, **SCALING))
    account.endpoint["instances"] = 5
    account.run(release(2, instance_count="2", max_instance_count="2"))

    assert account.target is None
    assert account.endpoint["instances"] == 2


def test_a_serverless_endpoint_knows_no_scaling_and_no_traffic_steps(account: HostingAccount) -> None:
    account.run(release(1, kind="serverless"))
    account.run(release(2, kind="serverless"))

    assert serves(account, 2)
    assert not {"deregister_scalable_target", "register_scalable_target", "describe_alarms"} & set(account.operations)
    assert set(account.sent("update_endpoint")[0]) == {"EndpointName", "EndpointConfigName"}
