"""The proof: an endpoint answers the questions in the archive as its model did when it was packed, or it is wrong."""

import gzip
import io
import json
import tarfile
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from ml import proof
from ml.errors import RoadError
from ml.proof import ProofError
from tests.ml.hosting_account import pauses

GOLDEN = {
    "instances": [[1.0, None], [2.0, "x"]],
    "predictions": [{"label": "no", "probability": 0.25}, {"label": "yes", "probability": [0.1, 0.9]}],
}


class Runtime:
    """Answers each invocation with the next of its results, and the last one again."""

    def __init__(self, check: Any, *results: Any) -> None:
        self.check = check
        self.results = list(results)
        self.sent: list[dict[str, Any]] = []

    def invoke_endpoint(self, **parameters: Any) -> Any:
        self.check("sagemaker-runtime", "InvokeEndpoint", parameters)
        self.sent.append(parameters)
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, Exception):
            raise result
        return {"Body": io.BytesIO(result if isinstance(result, bytes) else json.dumps(result).encode())}


@pytest.fixture
def runtime(check_request: Any) -> Any:
    return lambda *results: Runtime(check_request, *results)


def prove(runtime: Any) -> None:
    proof.prove(runtime, "e", GOLDEN, pauses(30))


def test_the_golden_records_are_sent_and_equal_answers_are_the_proof(runtime: Any) -> None:
    last_bit = [{"label": "no", "probability": 0.25 + 1e-12}, GOLDEN["predictions"][1]]
    fake = runtime({"predictions": last_bit})
    prove(fake)

    (sent,) = fake.sent
    assert json.loads(sent["Body"]) == {"instances": GOLDEN["instances"]}
    assert (sent["EndpointName"], sent["ContentType"], sent["Accept"]) == ("e", "application/json", "application/json")


def changed(index: int, **entry: Any) -> list[dict[str, Any]]:
    predictions: list[Any] = [dict(prediction) for prediction in GOLDEN["predictions"]]  # type: ignore[call-overload]
    predictions[index] |= entry
    return predictions


@pytest.mark.parametrize(
    "content",
    [
        {"predictions": changed(0, label="yes")},
        {"predictions": changed(0, probability=0.2500001)},
        {"predictions": changed(0, probability="0.25")},
        {"predictions": changed(0, probability=None)},
        {"predictions": changed(0, probability=[0.25, 0.75])},
        {"predictions": changed(1, probability=[0.1, 0.8])},
        {"predictions": GOLDEN["predictions"][:1]},
        {"predictions": []},
        {"predictions": 2},
        {"predictions": ["no", "yes"]},
        {"answer": 42},
        [1, 2],
        b"<html>",
        b"\xff",
    ],
)
def test_any_other_answer_is_no_proof_and_is_not_asked_for_again(runtime: Any, content: Any) -> None:
    fake = runtime(content)
    with pytest.raises(ProofError, match="^endpoint e "):
        prove(fake)
    assert len(fake.sent) == 1


def test_a_container_that_is_too_busy_is_asked_again(runtime: Any, client_error: Any) -> None:
    fake = runtime(client_error("ModelError"), client_error("ModelNotReadyException"), {**GOLDEN})
    prove(fake)
    assert len(fake.sent) == 3


def test_an_endpoint_that_does_not_answer_in_time_is_no_proof(runtime: Any, client_error: Any) -> None:
    error = client_error("ModelError", "Received server error (500)\nfrom primary")
    with pytest.raises(
        ProofError, match=r"does not answer the golden records: ModelError: Received server error \(500\) from"
    ):
        prove(runtime(error))


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationError"])
def test_a_refusal_that_stays_is_not_asked_for_again(runtime: Any, client_error: Any, code: str) -> None:
    fake = runtime(client_error(code))
    with pytest.raises(ProofError, match=code):
        prove(fake)
    assert len(fake.sent) == 1


def test_an_answer_that_never_comes_is_no_proof(runtime: Any) -> None:
    with pytest.raises(ProofError, match="does not answer the golden records: Read timeout on endpoint URL"):
        prove(runtime(ReadTimeoutError(endpoint_url="https://runtime")))


# --- the records in the archive


def tar(**members: bytes) -> bytes:
    body = io.BytesIO()
    # The bytes are parameters of a test, and so part of its name: every process that collects it must see the same.
    with (
        gzip.GzipFile(fileobj=body, mode="wb", mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w") as archive,
    ):
        for name, content in members.items():
            info = tarfile.TarInfo(name.replace("_", "."))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return body.getvalue()


def test_the_records_travel_in_the_archive() -> None:
    assert proof.golden_records(tar(golden_json=json.dumps(GOLDEN).encode()), "s3://b/k") == GOLDEN


@pytest.mark.parametrize(
    "body",
    [
        b"", b"not gzip", tar(), tar(metadata_json=b"{}"), tar(golden_json=b"{"), tar(golden_json=b"[]"),
        tar(golden_json=b'{"instances": []}'), tar(golden_json=b"[" + b"1," * 600_000 + b"1]"),
    ],
)  # fmt: skip
def test_an_archive_without_records_is_an_error(body: bytes) -> None:
    with pytest.raises(RoadError, match="^s3://b/k: .*golden.json .*Train again"):
        proof.golden_records(body, "s3://b/k")
