"""Prove that an endpoint answers as its model did when it was packed: the archive carries questions with answers."""

import io
import json
import math
import tarfile
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from ml import contract
from ml.errors import RoadError
from ml.gate import one_line

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

LARGEST_GOLDEN_FILE = 1024 * 1024
PROOF_SECONDS = 30
"""For a container that is in service, but too busy to answer at once."""
SAME_NUMBER = 1e-9
"""Another processor may add the trees' votes with another last bit."""

_PASSING = frozenset({"ModelError", "ModelNotReadyException"})
"""What may be different a moment later. boto3 itself repeats what is throttled, and the service's own faults."""


class ProofError(RoadError):
    """The endpoint is in service but does not answer as the model did when it was packed."""


def golden_records(archive: bytes, uri: str) -> Mapping[str, Any]:
    """Return the questions and answers in a model archive, which came from `uri`. Raises RoadError without any."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as content:
            member = content.extractfile(contract.GOLDEN_FILE)
            body = member.read(LARGEST_GOLDEN_FILE + 1) if member else b"null"
        if len(body) > LARGEST_GOLDEN_FILE:
            raise ValueError(f"it is longer than {LARGEST_GOLDEN_FILE} bytes")
        golden = json.loads(body)
    except (tarfile.TarError, KeyError, ValueError, OSError) as error:
        cause = one_line(str(error), 200)
        raise RoadError(f"{uri}: no readable {contract.GOLDEN_FILE} in the archive: {cause}. Train again") from error
    if not isinstance(golden, dict) or not golden.keys() >= {"instances", "predictions"}:
        raise RoadError(f"{uri}: {contract.GOLDEN_FILE} holds no records. Train again")
    return golden


def prove(runtime: "SageMakerRuntimeClient", name: str, golden: Mapping[str, Any], pauses: Iterable[float]) -> None:
    """Send the golden records to the endpoint. Raises ProofError unless it answers as the model did when packed."""
    answers = _answers(runtime, name, golden, pauses)
    wanted = golden["predictions"]
    if not isinstance(answers, list) or len(answers) != len(wanted) or not all(map(_is_same, answers, wanted)):
        found, expected = one_line(repr(answers), 120), one_line(repr(wanted), 120)
        raise ProofError(f"endpoint {name} predicts {found} for the golden records, not {expected}")


def _answers(
    runtime: "SageMakerRuntimeClient", name: str, golden: Mapping[str, Any], pauses: Iterable[float]
) -> object:
    body, cause = json.dumps({"instances": golden["instances"]}).encode(), "was never asked"
    for _ in pauses:
        try:
            response = runtime.invoke_endpoint(
                EndpointName=name, ContentType="application/json", Accept="application/json", Body=body
            )
            return json.loads(response["Body"].read())["predictions"]
        except ClientError as error:
            said = error.response["Error"]
            cause = one_line(f"{said.get('Code')}: {said.get('Message')}", 200)
            if said.get("Code") not in _PASSING:
                break
        except BotoCoreError as error:
            cause = one_line(str(error), 200)
            break
        except (ValueError, KeyError, TypeError) as error:
            text = f"endpoint {name} answers the golden records with something else than predictions"
            raise ProofError(text) from error
    raise ProofError(f"endpoint {name} does not answer the golden records: {cause}")


def _is_same(answer: Any, wanted: Mapping[str, Any]) -> bool:
    """Whether both hold the same; of numbers the last digits may differ: another processor adds up otherwise."""
    if not isinstance(answer, dict) or answer.keys() != wanted.keys():
        return False
    return all(_is_close(answer[key], wanted[key]) for key in wanted)


def _is_close(found: Any, expected: Any) -> bool:
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(_is_close(one, other) for one, other in zip(found, expected, strict=True))
        )
    if isinstance(expected, float) and isinstance(found, float | int) and not isinstance(found, bool):
        return math.isclose(found, expected, rel_tol=SAME_NUMBER, abs_tol=SAME_NUMBER)
    return type(found) is type(expected) and bool(found == expected)
