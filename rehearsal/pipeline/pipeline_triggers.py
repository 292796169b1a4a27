"""What makes a push to a code host start a pipeline: the triggers of its declaration. Pure.

Source: CodePipeline user guide, "Add trigger with code push or pull request event types" and "CodeStarSourceConnection"
(DetectChanges). That a trigger decides alone, whatever DetectChanges says, is not verified against AWS.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from rehearsal.account.calls import AwsError
from rehearsal.pipeline.code_host import Push

CONNECTION = "CodeStarSourceConnection"
"""Action provider of every code host, and the only provider whose pushes a trigger can filter."""


def check_triggers(pipeline: Mapping[str, Any]) -> None:
    """Raise AwsError for triggers that CodePipeline would not accept, and for those that are not played."""
    triggers = pipeline.get("triggers", [])
    if triggers and pipeline["pipelineType"] != "V2":
        raise _structure(f"triggers are not supported in a pipeline of type {pipeline['pipelineType']}")
    sources = {action["name"] for action in _connected(pipeline)}
    named = [trigger["gitConfiguration"]["sourceActionName"] for trigger in triggers]
    for trigger, name in zip(triggers, named, strict=True):
        if trigger["providerType"] != CONNECTION or name not in sources:
            raise _structure(f"a trigger names {name}, which is no source action of provider {CONNECTION}")
        if named.count(name) > 1:
            raise _structure(f"source action {name} has more than one trigger")
        _check_filters(name, trigger["gitConfiguration"])


def _check_filters(name: str, configuration: Mapping[str, Any]) -> None:
    if set(configuration) != {"sourceActionName", "push"}:
        raise _structure(f"the trigger of {name}: only pushes are rehearsed, no pull requests")
    for each in configuration["push"]:
        if set(each) != {"branches"}:
            raise _structure(f"the trigger of {name}: only filters by branch are rehearsed, got {', '.join(each)}")
        if not any(each["branches"].get(kind) for kind in ("includes", "excludes")):
            raise _structure(f"the trigger of {name}: a filter by branch includes or excludes some")


def starting_connection(pipeline: Mapping[str, Any], push: Push) -> str | None:
    """Return the ARN of the connection through which this push starts the pipeline; None when it does not."""
    filters = {
        trigger["gitConfiguration"]["sourceActionName"]: trigger["gitConfiguration"]["push"]
        for trigger in pipeline.get("triggers", [])
    }
    for action in _connected(pipeline):
        configuration = action["configuration"]
        if configuration["FullRepositoryId"] != push.repository:
            continue
        if action["name"] in filters:
            starts = any(_passes(each["branches"], push.branch) for each in filters[action["name"]])
        else:
            detects = configuration.get("DetectChanges", "true") == "true"
            starts = detects and configuration["BranchName"] == push.branch
        if starts:
            return str(configuration["ConnectionArn"])
    return None


def _connected(pipeline: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (action for action in pipeline["stages"][0]["actions"] if action["actionTypeId"]["provider"] == CONNECTION)


def _passes(criteria: Mapping[str, Sequence[str]], branch: str) -> bool:
    """Judge a branch: what is excluded stays out, and where something is included the rest stays out too."""
    if any(_glob(pattern).fullmatch(branch) for pattern in criteria.get("excludes", [])):
        return False
    included = criteria.get("includes", [])
    return not included or any(_glob(pattern).fullmatch(branch) for pattern in included)


@lru_cache(maxsize=64)
def _glob(pattern: str) -> re.Pattern[str]:
    """Return CodePipeline's glob: `*` stays within a part between slashes, `**` does not, `?` is one character."""
    words = re.split(r"(\*\*|\*|\?)", pattern)
    meaning = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meaning.get(word, re.escape(word)) for word in words))


def _structure(text: str) -> AwsError:
    return AwsError("InvalidStructureException", text)
