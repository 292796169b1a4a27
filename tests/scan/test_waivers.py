"""Waivers: complete, dated, and for one finding each."""

import datetime
from pathlib import Path

import pytest

from tests.scan.finding import Finding
from tests.scan.waivers import WaiverError, load, unused, waived

TODAY = datetime.date(2026, 11, 24)
COMPLETE = {
    "tool": '"checkov"',
    "id": '"CKV_AWS_115"',
    "resource": '"*/aws_lambda_function.*"',
    "reason": '"a reason that explains at least a little of it"',
    "owner": '"platform"',
    "expires": "2027-11-24",
}


def written(folder: Path, **changes: str | None) -> Path:
    lines = {name: value for name, value in {**COMPLETE, **changes}.items() if value is not None}
    path = folder / "waivers.toml"
    path.write_text("[[waiver]]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items()), encoding="utf-8")
    return path


def finding(resource: str = "dev/aws_lambda_function.approval", id_: str = "CKV_AWS_115") -> Finding:
    return Finding(tool="checkov", id=id_, resource=resource, what="")


def test_a_waiver_covers_its_finding_on_the_resources_that_it_names(tmp_path: Path) -> None:
    waivers = load(written(tmp_path), TODAY)
    other_resource, other_id = finding("dev/aws_s3_bucket.models"), finding(id_="CKV_AWS_117")
    assert waived([finding(), other_resource, other_id], waivers) == [finding()]


def test_a_waiver_may_be_for_one_stack_only(tmp_path: Path) -> None:
    waivers = load(written(tmp_path, resource='"dev/*"'), TODAY)
    assert waived([finding("prod/aws_lambda_function.approval")], waivers) == []


def test_a_waiver_that_covers_nothing_is_unused(tmp_path: Path) -> None:
    waivers = load(written(tmp_path), TODAY)
    assert unused([finding()], waivers) == []
    assert unused([finding(id_="CKV_AWS_117")], waivers) == waivers


def test_a_waiver_holds_until_the_end_of_its_last_day(tmp_path: Path) -> None:
    assert load(written(tmp_path, expires="2026-11-24"), TODAY)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"expires": "2026-11-23"}, r"waiver 1 \(CKV_AWS_115\) expired on 2026-11-23\. Cure the finding"),
        ({"expires": "2028-11-24"}, "400 days are the most"),
        ({"expires": '"2027-01-31"'}, "expires is no date"),
        ({"expires": "2027-01-31T00:00:00Z"}, "expires is no date"),
        ({"expires": None}, "has no expires"),
        ({"reason": None}, "has no reason"),
        ({"reason": '""'}, "reason is empty"),
        ({"reason": '"known"'}, "shorter than 30 characters"),
        ({"owner": None}, "has no owner"),
        ({"owner": '""'}, "owner is empty"),
        ({"id": None}, r"waiver 1 \(no id\) has no id"),
        ({"until": "2027-01-31"}, "says until, which means nothing"),
    ],
)
def test_a_waiver_that_says_too_little_or_too_much_is_refused(
    changes: dict[str, str | None], words: str, tmp_path: Path
) -> None:
    with pytest.raises(WaiverError, match=words):
        load(written(tmp_path, **changes), TODAY)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(WaiverError) as raised:
        load(written(tmp_path, owner=None, expires="2020-01-01"), TODAY)
    assert len(str(raised.value).splitlines()) == 2
