"""What is rehearsed: the stack file's configuration, changed as `pulumi config set --path` would change it."""

import json
from pathlib import Path

import pytest

from ml.errors import InputError
from rehearsal.plan import DATA_BUCKET, make_plan, with_setting


def test_a_plan_holds_the_stack_files_configuration() -> None:
    plan = make_plan("prod")

    assert plan.region == "us-east-1"
    assert json.loads(plan.config["mle-004:approval"])["mode"] == "manual"


def test_a_setting_changes_one_leaf_and_leaves_its_neighbours() -> None:
    config = {"mle-004:approval": '{"mode": "manual", "timeoutMinutes": 60}'}

    changed = with_setting(config, "approval.mode", "automated")

    assert json.loads(changed["mle-004:approval"]) == {"mode": "automated", "timeoutMinutes": 60}


def test_a_setting_may_be_new_deep_or_of_another_namespace() -> None:
    config = with_setting(with_setting({}, "thresholds.auc", "0.9"), "aws:region", "eu-west-1")

    assert config == {"mle-004:thresholds": '{"auc": "0.9"}', "aws:region": "eu-west-1"}


def test_a_local_table_becomes_an_object_of_a_bucket_outside_the_stack(tmp_path: Path) -> None:
    table = tmp_path / "customers.csv"
    table.write_text("a,churned\n1,0\n")

    training = json.loads(make_plan("dev", data=table, target="churned").config["mle-004:training"])

    assert training == {"dataUri": f"s3://{DATA_BUCKET}/customers.csv", "target": "churned"}


@pytest.mark.parametrize(("name", "cause"), [("absent.csv", "is not a file"), ("table.xlsx", "neither in .csv nor")])
def test_a_table_that_cannot_be_read_is_refused_with_the_next_step(tmp_path: Path, name: str, cause: str) -> None:
    (tmp_path / "table.xlsx").write_text("")

    with pytest.raises(InputError, match=cause):
        make_plan("dev", data=tmp_path / name)


def test_a_stack_without_a_file_is_refused() -> None:
    with pytest.raises(InputError, match=r"Pulumi\.test\.yaml"):
        make_plan("test")
