"""Objects that are written once."""

import io
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml import storage
from ml.errors import RoadError


def put(aws: SimpleNamespace, body: bytes) -> str:
    return storage.put_once(aws.s3, bucket=aws.bucket, key="models/1/a", body=body, content_type="application/gzip")


def test_a_new_object_is_written_with_its_type(aws: SimpleNamespace) -> None:
    uri = put(aws, b"one")

    assert uri == f"s3://{aws.bucket}/models/1/a"
    assert storage.read(aws.s3, uri) == b"one"
    assert aws.s3.head_object(Bucket=aws.bucket, Key="models/1/a")["ContentType"] == "application/gzip"


def test_the_same_content_again_is_a_success(aws: SimpleNamespace) -> None:
    assert put(aws, b"one") == put(aws, b"one")


def test_other_content_is_refused_and_what_was_there_stays(aws: SimpleNamespace) -> None:
    uri = put(aws, b"one")
    with pytest.raises(RoadError, match="holds other bytes than its name says"):
        put(aws, b"two")

    assert storage.read(aws.s3, uri) == b"one"


def test_every_write_is_one_conditional_put(check_request: Any) -> None:
    sent = []
    s3 = SimpleNamespace(put_object=lambda **parameters: sent.append(parameters))
    storage.put_once(s3, bucket="b", key="k", body=b"x", content_type="text/plain")

    check_request("s3", "PutObject", sent[0])
    assert [parameters["IfNoneMatch"] for parameters in sent] == ["*"]


def test_a_refused_write_is_an_error_whatever_is_there(client_error: Any) -> None:
    class Refusing:
        def put_object(self, **_: Any) -> None:
            raise client_error("AccessDenied")

        def get_object(self, **_: Any) -> Any:
            return {"Body": io.BytesIO(b"x")}

    with pytest.raises(ClientError, match="AccessDenied"):
        storage.put_once(Refusing(), bucket="b", key="k", body=b"x", content_type="text/plain")
