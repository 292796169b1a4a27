"""Endpoints of an emulated account whose models are a few lines of source text."""

import io
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ml import serving_image
from rehearsal.account.clock import Clock
from rehearsal.account.cloud import Cloud
from rehearsal.runtimes import model_server
from rehearsal.runtimes.endpoints import EndpointHost
from tests.rehearsal import quick_container
from tests.rehearsal.runner_account import ANYTHING, REGION, eventually, make_role, running_cloud

BUCKET = "models"
SAGEMAKER = "sagemaker.amazonaws.com"
IMAGE = serving_image.uri(REGION)
REPOSITORY = "arn:aws:ecr:us-east-1:683313688378:repository/sagemaker-scikit-learn"
ENVIRONMENT = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}

ECHO = """
import os, pathlib
def model_fn(folder):
    return pathlib.Path(folder, "answer").read_text()
def transform_fn(model, data, content_type, accept):
    print("asked")
    return f"{model} {data.decode()} {content_type} {accept} {os.environ.get('EXTRA')} {os.getpid()}", "text/plain"
"""


class Endpoints:
    """Makes models from source text and puts them on endpoints."""

    def __init__(self, cloud: Cloud, clock: Clock) -> None:
        self.cloud = cloud
        self.host = EndpointHost(cloud, clock)
        self.sagemaker = cloud.client("sagemaker")
        self.runtime = cloud.client("sagemaker-runtime")
        cloud.client("s3").create_bucket(Bucket=BUCKET)
        self.everything = make_role(cloud, "AllRole", SAGEMAKER, ANYTHING)

    def archive(self, answer: str, source: str = ECHO) -> str:
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w:gz") as archive:
            for name, text in {"answer": answer, "code/inference.py": source}.items():
                member = tarfile.TarInfo(name)
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
        key = f"{uuid.uuid4()}/model.tar.gz"
        self.cloud.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content.getvalue())
        return f"s3://{BUCKET}/{key}"

    def container(self, answer: str = "1", source: str = ECHO, image: str = IMAGE) -> dict[str, Any]:
        return {"Image": image, "ModelDataUrl": self.archive(answer, source), "Environment": ENVIRONMENT}

    def config(self, container: dict[str, Any], *, role: str = "", instances: int = 1, **variant: Any) -> str:
        """Make a model and its configuration; `variant` says what is not to be ml.m5.large instances."""
        name = f"config-{uuid.uuid4().hex[:8]}"
        self.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=role or self.everything, PrimaryContainer=container
        )
        machines = {"InitialInstanceCount": instances, "InstanceType": "ml.m5.large"}
        if "ServerlessConfig" in variant:
            machines = {}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[{"VariantName": "AllTraffic", "ModelName": name, **machines, **variant}],
        )
        return name

    def create(self, config: str) -> str:
        name = f"endpoint-{uuid.uuid4().hex[:8]}"
        self.cloud.client("logs").create_log_group(logGroupName=f"/aws/sagemaker/Endpoints/{name}")
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        return name

    def settled(self, name: str) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            described: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=name)
            return None if described["EndpointStatus"] in ("Creating", "Updating", "RollingBack") else described

        # A container imports scikit-learn first, which takes its time on a busy machine.
        described: dict[str, Any] = eventually(ended, seconds=60)
        return described

    def in_service(self, answer: str = "1", source: str = ECHO, **config: Any) -> str:
        name = self.create(self.config(self.container(answer, source), **config))
        assert self.settled(name)["EndpointStatus"] == "InService"
        return name

    def ask(self, name: str, body: bytes = b"x", **parameters: str) -> str:
        answer = self.runtime.invoke_endpoint(EndpointName=name, Body=body, ContentType="a/b", **parameters)
        return str(answer["Body"].read().decode())


@contextmanager
def running_endpoints(work: Path, clock: Clock | None = None, *, quick: bool = False) -> Iterator[Endpoints]:
    """Endpoints in an account of their own; `quick` ones answer with their archive's text, at once."""
    with running_cloud(work) as cloud:
        if quick:
            cloud.replace(model_server, "container", quick_container)
        hosting = Endpoints(cloud, clock or Clock())
        try:
            yield hosting
        finally:
            hosting.host.close()
