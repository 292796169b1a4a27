"""Drills about what changes hands between approval and deployment: status, ARN file, pickle."""

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ml import contract
from rehearsal.account.calls import Caller
from rehearsal.drills.archives import TextChange
from rehearsal.drills.decisions import REJECTER
from rehearsal.drills.drill import Drill
from rehearsal.drills.intrusion import at_call
from rehearsal.drills.removals import InServingCode, InSource
from rehearsal.drills.stand import Stand, failure_of, stopped
from rehearsal.pipeline.pipeline_records import SUCCEEDED
from rehearsal.report import Proof

DEPLOY_STAGE = "Deploy"
_DEPLOY_FILE = "ml/deploy_model.py"
_PUTS_IN_SERVICE = frozenset(
    {"sagemaker:CreateModel", "sagemaker:CreateEndpointConfig", "sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"}
)


@contextmanager
def before_deployment(stand: Stand, do: Callable[[], object]) -> Iterator[None]:
    """Do something when the version is approved and the deploy build is about to start."""

    def _is_deployment(params: Mapping[str, Any], _caller: Caller) -> bool:
        return bool(params["projectName"] == stand.deploy_project)

    with at_call(stand.cloud, "codebuild:StartBuild", _is_deployment, do):
        yield


def other_golden(stand: Stand) -> dict[str, bytes]:
    """Return the sound archive with one proof less: other bytes, and a model that works."""
    members = stand.members()
    golden = json.loads(members[contract.GOLDEN_FILE])
    shorter = {name: values[:-1] for name, values in golden.items()}
    return {**members, contract.GOLDEN_FILE: json.dumps(shorter).encode()}


def late_rejection(stand: Stand) -> Sequence[Proof]:
    """Let a person reject an approved version right before it is deployed."""
    arn, asked = stand.offer(), Asked(stand)
    with before_deployment(stand, lambda: REJECTER.decide_in_registry(stand.cloud, arn, "on second thoughts")):
        execution = stand.release(arn)
    return [stopped(execution, DEPLOY_STAGE, contract.REJECTED), asked.for_nothing(), stand.untouched()]


def forged_arn_file(stand: Stand) -> Sequence[Proof]:
    """Replace the ARN in the build's artifact by that of another approved version."""
    arn, other = stand.offer(), stand.offer(members=other_golden(stand))

    def _forge() -> None:
        place = stand.road.pipelines.executions()[-1].artifacts[contract.BUILD_ARTIFACT]
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w") as content:
            content.writestr(contract.MODEL_PACKAGE_ARN_FILE, other + "\n")
        stand.cloud.client("s3").put_object(Bucket=place.bucket, Key=place.key, Body=body.getvalue())

    with before_deployment(stand, _forge):
        execution = stand.release(arn)
    return [stopped(execution, DEPLOY_STAGE, other, arn), stand.untouched()]


class _MakesFolder:
    """What its pickle does when it is loaded: make a folder, which is seen, and harms nobody."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, (str(self._folder),)


def bad_pickle(stand: Stand) -> Sequence[Proof]:
    """Offer an archive whose pickle runs a command of its own, with the right digest, and release it."""
    mark = stand.cloud.work / f"the-pickle-ran-{len(stand.road.packages())}"
    members = {**stand.members(), contract.MODEL_FILE: pickle.dumps(_MakesFolder(mark), protocol=5)}
    execution = stand.release(stand.offer(members=members))
    ran = mark.exists()
    return [
        Proof(
            claim="nothing that the pickle names has run in the container",
            holds=not ran,
            detail="it ran" if ran else "it did not run",
        ),
        Proof(
            claim="the version does not go live",
            holds=execution.status != SUCCEEDED,
            detail=failure_of(execution),
        ),
        stand.untouched(),
    ]


class Asked:
    """What the deploy step asks SageMaker for from here on."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._role = stand.role(stand.deploy_project)
        self._before = len(stand.cloud.journal.calls())

    def for_nothing(self) -> Proof:
        """Prove that it has asked for nothing that would serve the version."""
        calls = self._stand.cloud.journal.calls()[self._before :]
        asked = [call.via for call in calls if call.principal == self._role and call.check.action in _PUTS_IN_SERVICE]
        said = ", ".join(dict.fromkeys(asked)) or "nothing"
        return Proof(claim="the deploy step makes nothing of it", holds=not asked, detail=f"it asked for {said}")


DRILLS = (
    Drill(
        name="late-rejection",
        fault="Between approval and deployment a person rejects the version.",
        gate="ml/approved_version.py: the status of exactly this version, read again by the deploy step",
        play=late_rejection,
        without_guard=[
            InSource(
                changes=[
                    TextChange(
                        path="ml/approved_version.py",
                        old='    if standing.status != contract.APPROVED or status != "Completed":\n',
                        new='    if status != "Completed":\n',
                    )
                ]
            )
        ],
    ),
    Drill(
        name="forged-arn-file",
        fault="Between approval and deployment the ARN in the build's artifact becomes another approved version's.",
        gate="ml/deploy_model.py: the file, the pipeline's variable and the request must agree",
        play=forged_arn_file,
        without_guard=[
            InSource(
                changes=[
                    TextChange(
                        path=_DEPLOY_FILE,
                        old="    if package.text != deploy.model_package_arn:\n",
                        new="    if False:\n",
                    ),
                    TextChange(
                        path=_DEPLOY_FILE,
                        old="    if deploy.requested is not None and not approved_version.is_same("
                        "deploy.requested, package):\n",
                        new="    if False and deploy.requested is not None:\n",
                    ),
                ]
            )
        ],
    ),
    Drill(
        name="bad-pickle",
        fault="An approved version's archive holds a pickle that runs a command when it is loaded.",
        gate="ml/safe_pickle.py: the exact list of names, at deploy (ml/model_archive.py) and in the container",
        play=bad_pickle,
        without_guard=[
            InSource(
                changes=[
                    TextChange(
                        path="ml/model_archive.py",
                        old="        safe_pickle.check(members[contract.MODEL_FILE])\n",
                        new="",
                    )
                ]
            ),
            InServingCode(
                changes=[
                    TextChange(
                        path="code/safe_pickle.py",
                        old='    if f"{module}.{name}" not in ALLOWED:\n',
                        new="    if False:\n",
                    )
                ]
            ),
        ],
    ),
)
