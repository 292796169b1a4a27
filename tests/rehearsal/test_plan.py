"""What is rehearsed: the stack file's configuration, changed as `pulumi config set --path` would change it."""

import json
from pathlib import Path

import pytest

from ml.errors import InputError
from rehearsal.plan import DATA_BUCKET, make_plan, with_setting


def test_a_plan_holds_the_stack_files_configuration() -> None:
    plan = make_plan("prod")

    assert plan.region == "us-east-1"
    assert json.loads(plan.config["mle-004:approval"])["mode"] == "both"


def test_a_setting_changes_one_leaf_and_leaves_its_neighbours() -> None:
    config = {"mle-004:approval": '{"mode": "manual", "timeoutMinutes": 60}'}

    changed = with_setting(config, "approval.mode", "automated")

    assert json.loads(changed["mle-004:approval"]) == {"mode": "automated", "timeoutMinutes": 60}


def test_a_setting_may_be_new_deep_or_of_another_namespace() -> None:
    config = with_setting(with_setting({}, "thresholds.auc", "0.9"), "aws:region", "eu-west-1")

    assert config == {"mle-004:thresholds": '{"auc": "0.9"}', "aws:region": "eu-west-1"}


def test_a_setting_may_be_an_entry_of_a_list() -> None:
    config = {"mle-004:approval": '{"approvers": ["ada@example.com"]}'}
    for place, address in ((0, "grace@example.com"), (1, "alan@example.com")):
        config = with_setting(config, f"approval.approvers[{place}]", address)

    assert json.loads(config["mle-004:approval"]) == {"approvers": ["grace@example.com", "alan@example.com"]}
    assert with_setting({}, "alarms.emails[0]", "x") == {"mle-004:alarms": '{"emails": ["x"]}'}


@pytest.mark.parametrize("key", ["approval.approvers[2]", "approval[0]", "approval.mode.deep", "approval.approvers.x"])
def test_a_setting_for_which_there_is_no_room_is_refused(key: str) -> None:
    config = {"mle-004:approval": '{"mode": "manual", "approvers": ["ada@example.com"]}'}

    with pytest.raises(InputError, match="there is no room for"):
        with_setting(config, key, "x")


def test_a_repository_outside_aws_is_known_by_its_name() -> None:
    assert make_plan("dev").hosted_repository == ""
    assert make_plan("dev", [("source.repository", "ada/models")]).hosted_repository == "ada/models"


def test_a_local_table_becomes_an_object_of_a_bucket_outside_the_stack(tmp_path: Path) -> None:
    table = tmp_path / "customers.csv"
    table.write_text("a,churned\n1,0\n")

    training = json.loads(make_plan("dev", data=table, target="churned").config["mle-004:training"])

    assert training["dataUri"] == f"s3://{DATA_BUCKET}/customers.csv"
    assert training["target"] == "churned"


@pytest.mark.parametrize(("name", "cause"), [("absent.csv", "is not a file"), ("table.xlsx", "neither in .csv nor")])
def test_a_table_that_cannot_be_read_is_refused_with_the_next_step(tmp_path: Path, name: str, cause: str) -> None:
    (tmp_path / "table.xlsx").write_text("")

    with pytest.raises(InputError, match=cause):
        make_plan("dev", data=tmp_path / name)


def test_a_stack_without_a_file_is_refused() -> None:
    with pytest.raises(InputError, match=r"Pulumi\.test\.yaml"):
        make_plan("test")
