"""The rehearsal's three acts: a first model goes live, a second replaces it unnoticed, a weak one is refused."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ml import catalogue, contract
from rehearsal.caller import SteadyCaller
from rehearsal.pipeline.codepipeline import Execution
from rehearsal.pipeline.pipeline_records import FAILED, SUCCEEDED
from rehearsal.report import Act, Proof, Step
from rehearsal.road import REGISTRY_APPROVER, REJECTER, Road

# What the developer appends to the use case's module: a new model in one line, as a data scientist would push it.
_HYPERPARAMETERS = "\n\nHYPERPARAMETERS = {{**HYPERPARAMETERS, {change}}}\n"
BETTER = '"n_estimators": 120'
WEAK = '"n_estimators": 1, "max_depth": 1'
_CLUSTERINGS = {BETTER: '"n_init": 20', WEAK: '"n_clusters": 9'}
"""The same of a model that has no trees, but a number of groups."""

APPROVAL_STAGES = ("AutoApproval", "Approval")
DEPLOY_STAGE = "Deploy"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What every act has at hand: the road, the use case whose module the developer edits, and the audience."""

    road: Road
    use_case: str
    heading: Callable[[str], None]

    def change_model(self, change: str) -> None:
        """Edit the use case in the developer's clone."""
        module = f"ml/usecases/{self.use_case}.py"
        if catalogue.USE_CASES[self.use_case].task == catalogue.CLUSTERING:
            change = _CLUSTERINGS[change]
        self.road.developer.append({module: _HYPERPARAMETERS.format(change=change)})


def first_model(scene: Scene) -> Act:
    """Push the project as it is: its model is trained, judged, deployed, and answers as it did when it was trained."""
    scene.heading("A first model")
    road = scene.road
    execution = road.follow(road.push("A first model"))
    if execution.status != SUCCEEDED:
        return act_of("A first model", road, execution, prediction="", proofs=[_went_live(execution)])
    answer, expected = _ask_golden(road)
    proofs = [_went_live(execution), _answers_as_trained(answer, expected)]
    return act_of("A first model", road, execution, prediction=_first_answer(answer), proofs=proofs)


def second_model(scene: Scene) -> Act:
    """Push a better model while a client keeps calling: the endpoint is updated in place and no call fails."""
    scene.heading("A better model, while a client keeps calling")
    road = scene.road
    before = road.serving_config()
    scene.change_model(BETTER)
    request = json.dumps({"instances": road.golden(road.packages()[0])["instances"][:1]})
    with SteadyCaller(lambda: road.ask(request, "application/json")) as client:
        # Where a person decides: the first version is approved in the pipeline, this one in the registry.
        execution = road.follow(road.push("More trees"), person=REGISTRY_APPROVER)
    after = road.serving_config()
    unnoticed = Proof(
        claim="no call failed while the endpoint was updated",
        holds=bool(client.calls) and not client.failures,
        detail=f"{client.calls} calls, {len(client.failures)} failed" + "".join(f"; {f}" for f in client.failures[:1]),
    )
    moved = Proof(
        claim="the same endpoint serves a new configuration",
        holds=before != after and bool(before),
        detail=f"{road.endpoint}: {before} -> {after}",
    )
    answer, expected = _ask_golden(road)
    proofs = [_went_live(execution), moved, unnoticed, _answers_as_trained(answer, expected)]
    return act_of("A better model", road, execution, prediction=_first_answer(answer), proofs=proofs)


def weak_model(scene: Scene) -> Act:
    """Push a model below the threshold: it is rejected with the reason, and the old one keeps serving."""
    scene.heading("A weak model")
    road = scene.road
    before = road.serving_config()
    answers_before, _ = _ask_golden(road, version=1)
    scene.change_model(WEAK)
    execution = road.follow(road.push("One shallow tree"), person=REJECTER)
    package = road.packages()[0]
    answers_after, _ = _ask_golden(road, version=1)
    reason = str(package.get("ApprovalDescription", ""))
    said, names_it = _rejection(road, reason, package)
    failed_at = [run.stage for run in execution.actions if run.status == FAILED]
    proofs = [
        Proof(
            claim="the pipeline fails at the approval stage and never reaches Deploy",
            holds=len(failed_at) == 1 and failed_at[0] in APPROVAL_STAGES and not execution.stage_status(DEPLOY_STAGE),
            detail=f"failed at {', '.join(failed_at) or 'no stage'}",
        ),
        Proof(
            claim=f"the registry says Rejected and names {said}",
            holds=package["ModelApprovalStatus"] == contract.REJECTED and names_it,
            detail=reason or "no reason given",
        ),
        Proof(
            claim="the old model keeps serving",
            holds=before == road.serving_config() and answers_before == answers_after,
            detail=f"{road.endpoint} still on {road.serving_config()}",
        ),
    ]
    return act_of("A weak model", road, execution, prediction=_first_answer(answers_after), proofs=proofs)


ALL_ACTS = (first_model, second_model, weak_model)


# --- what the acts share ---------------------------------------------------------------------------------------------


def act_of(title: str, road: Road, execution: Execution, *, prediction: str, proofs: list[Proof]) -> Act:
    """Return what came of one execution, with the decision about the version that it carried."""
    steps = [
        Step(stage=run.stage, action=run.name, status=run.status, seconds=run.seconds, message=run.line)
        for run in execution.actions
    ]
    arn = execution.variables.get("BuildVariables", {}).get(contract.MODEL_PACKAGE_ARN)
    package = next((each for each in road.packages() if each["ModelPackageArn"] == arn), None)
    decision = package.get("ApprovalDescription") or package["ModelApprovalStatus"] if package else ""
    return Act(
        title=title,
        commit=execution.commit,
        status=execution.status,
        seconds=execution.seconds,
        steps=steps,
        decision=decision,
        prediction=prediction,
        proofs=proofs,
    )


def _ask_golden(road: Road, *, version: int | None = None) -> tuple[list[Any], list[Any]]:
    """Ask the endpoint the requests stored with a version (the newest unless said); return answers and stored ones."""
    packages = road.packages()
    package = next(each for each in packages if version in (None, each["ModelPackageVersion"]))
    golden = road.golden(package)
    answers = road.ask(json.dumps({"instances": golden["instances"]}), "application/json")
    return answers["predictions"], golden["predictions"]


def _went_live(execution: Execution) -> Proof:
    failed = next((run for run in execution.actions if run.status == FAILED), None)
    detail = f"{failed.label}: {failed.message}" if failed else f"{execution.seconds:.1f} s from push to InService"
    return Proof(claim="the push went live", holds=execution.status == SUCCEEDED, detail=detail)


def _answers_as_trained(answers: list[Any], expected: list[Any]) -> Proof:
    return Proof(
        claim="the endpoint gives the answers that were stored when the model was trained",
        holds=bool(expected) and answers == expected,
        detail=f"{len(expected)} records, {sum(a == e for a, e in zip(answers, expected, strict=True))} equal",
    )


def _first_answer(answers: list[Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in answers[0].items())


def _rejection(road: Road, reason: str, package: Mapping[str, Any]) -> tuple[str, bool]:
    """Return what a rejection must name, and whether this one does: the limit where metrics decide, else who did."""
    by_person = road.outputs["approval_mode"] == contract.MANUAL
    registered = package["CustomerMetadataProperties"]
    judged = {
        (name, f"{float(registered[key]):.4g}"): f"{REJECTER.role}/{REJECTER.name}" if by_person else f"{limit:.4g}"
        for name, limit in road.outputs["thresholds"].items()
        if (key := contract.METADATA_METRIC_PREFIX + name) in registered
    }
    named = any(all(word in reason for word in (*metric, third)) for metric, third in judged.items())
    return f"metric, value and {'who rejected it' if by_person else 'limit'}", named
