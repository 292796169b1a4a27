"""A run that is killed between any two calls: the next run of the same stage finishes what was begun, or removes it."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from ml.errors import RoadError
from tests.ml.hosting_account import HostingAccount, Killed, release

pytestmark = pytest.mark.slow

SCALING = {"instance_count": "2", "max_instance_count": "6", "traffic": "canary"}


def prepared(account: HostingAccount) -> None:
    for version in (1, 2, 3):
        account.run(release(version, **SCALING))


Story = tuple[Callable[[HostingAccount], None], dict[str, Any], str]
STORIES: dict[str, Story] = {
    "first": (lambda account: None, {"version": 1}, ""),
    "first, wrong": (lambda account: account.wrong.add(1), {"version": 1}, "predicts"),
    "first, does not come up": (lambda account: account.bad.add(1), {"version": 1}, "is Failed"),
    "next": (prepared, {"version": 4, **SCALING}, ""),
    "next, other instances": (prepared, {"version": 4, **SCALING, "instance_type": "ml.c5.large"}, ""),
    "next, wrong": (
        lambda account: (prepared(account), account.wrong.add(4)),  # type: ignore[func-returns-value]
        {"version": 4, **SCALING},
        "predicts",
    ),
    "next, rolls back": (
        lambda account: (prepared(account), account.bad.add(4)),  # type: ignore[func-returns-value]
        {"version": 4, **SCALING, "instance_type": "ml.c5.large"},
        "rolled back",
    ),
    "an older one, asked for": (prepared, {"version": 2, "execution": "back", "requested": True, **SCALING}, ""),
    "serverless": (
        lambda account: account.run(release(1, kind="serverless")) and None,
        {"version": 2, "kind": "serverless"},
        "",
    ),
}


def calls_of(story: str, check: Any) -> tuple[int, int]:
    """Return the numbers of the first and the last call of the story's own release."""
    account = HostingAccount(check)
    prepare, wanted, _ = STORIES[story]
    prepare(account)
    start = len(account.calls)
    with contextlib.suppress(RoadError):
        account.run(release(**wanted))
    return start, len(account.calls)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("story", STORIES)
def test_a_run_that_is_killed_at_any_call_is_finished_by_the_next(story: str, after: bool, check_request: Any) -> None:
    """Killed before the call was sent, and after AWS has done it, at every call: then the same stage is run again."""
    prepare, wanted, error = STORIES[story]
    start, end = calls_of(story, check_request)
    assert end - start > 5
    for number in range(start, end):
        account = HostingAccount(check_request)
        prepare(account)
        before = account.version
        account.kill_after, account.kill_before = (number, None) if after else (None, number)
        with pytest.raises(Killed):
            account.run(release(**wanted))
        in_between = account.version
        account.kill_after = account.kill_before = None
        if error:
            with pytest.raises(RoadError, match=error):
                account.run(release(**wanted))
        else:
            account.run(release(**wanted))

        where = f"{story}, call {number - start}: {account.calls[number][0]}"
        assert in_between in (before, wanted["version"]), where
        assert account.violations == [], where
        _assert_converged(account, wanted, before if error else wanted["version"], where)


def _assert_converged(account: HostingAccount, wanted: dict[str, Any], serving: int | None, where: str) -> None:
    if serving is None:
        assert (account.endpoint, account.models, account.configs) == (None, {}, {}), where
        return
    assert account.endpoint is not None, where
    assert (account.endpoint["status"], account.version) == ("InService", serving), where
    assert len(account.models) == len(account.configs) <= 3, where
    assert all(config.rpartition("-")[0] in account.models for config in account.configs), where
    scales = wanted.get("max_instance_count") == SCALING["max_instance_count"]
    assert (account.target is not None, account.policy is not None) == (scales, scales), where
