"""From an endpoint configuration to a healthy container, with the rights of the model's execution role."""

import io
import tarfile
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import ClientError

from ml import serving_image
from rehearsal.account.client_errors import as_aws_error
from rehearsal.account.cloud import AwsError, Cloud, Credentials
from rehearsal.account.log_stream import ForgivingLog, LogStream
from rehearsal.runtimes.model_server import ModelServer, ServerError, Standby

SAGEMAKER = "sagemaker.amazonaws.com"
_PULL_ACTIONS = ("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage")


class LaunchError(Exception):
    """A container could not be brought up; the text is the endpoint's FailureReason."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """What one endpoint configuration says: a variant, its model's container and the role that it runs as.

    `serverless` is the variant's ServerlessConfig, empty where there are instances.
    """

    config_name: str
    variant_name: str
    serverless: Mapping[str, Any]
    role_arn: str
    image: str
    model_data_url: str
    environment: Mapping[str, str]

    def describe(self, instances: int) -> dict[str, Any]:
        """Return the variant in the shape of DescribeEndpoint, with so many instances."""
        size: dict[str, Any] = {"CurrentInstanceCount": instances, "DesiredInstanceCount": instances}
        if self.serverless:
            size = {"CurrentServerlessConfig": self.serverless, "DesiredServerlessConfig": self.serverless}
        return {
            "VariantName": self.variant_name,
            "DeployedImages": [{"SpecifiedImage": self.image}],
            "CurrentWeight": 1.0,
            "DesiredWeight": 1.0,
            **size,
        }


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A healthy container with its log."""

    served: Served
    server: ModelServer
    log: ForgivingLog

    def retire(self) -> None:
        """End the container after the invocations that were announced to it, and write the rest of its log."""
        self.server.retire()
        self.log.write()


def resolve(cloud: Cloud, config_name: str) -> Served:
    """Read configuration, model and model package. Raises LaunchError for what no container here stands for."""
    sagemaker = cloud.client("sagemaker")
    try:
        variants = sagemaker.describe_endpoint_config(EndpointConfigName=config_name)["ProductionVariants"]
        if len(variants) != 1:
            raise LaunchError(f"not emulated: {config_name} needs exactly one variant")
        model = sagemaker.describe_model(ModelName=variants[0]["ModelName"])
        containers = model.get("Containers") or [model["PrimaryContainer"]]
        if len(containers) != 1:
            raise LaunchError(f"not emulated: model {model['ModelName']} has several containers")
        definition = _definition(sagemaker, containers[0])
    except ClientError as error:
        raise LaunchError(as_aws_error(error).message) from error
    return Served(
        config_name=config_name,
        variant_name=variants[0]["VariantName"],
        serverless=variants[0].get("ServerlessConfig", {}),
        role_arn=model["ExecutionRoleArn"],
        image=definition["Image"],
        model_data_url=definition["ModelDataUrl"],
        environment=definition.get("Environment", {}),
    )


def _definition(sagemaker: Any, container: Mapping[str, Any]) -> dict[str, Any]:
    """Return a container's definition; a model package brings its own, to which the model may add variables."""
    if "ModelPackageName" not in container:
        return dict(container)
    package = sagemaker.describe_model_package(ModelPackageName=container["ModelPackageName"])
    packaged = package["InferenceSpecification"]["Containers"][0]
    return {**packaged, "Environment": {**packaged.get("Environment", {}), **container.get("Environment", {})}}


class Launcher:
    """Brings up containers for one endpoint. `on_end` hears of a container that ends unasked."""

    def __init__(
        self,
        cloud: Cloud,
        standby: Standby,
        *,
        endpoint: str,
        arn: str,
        on_end: Callable[[ModelServer, int], None],
    ) -> None:
        self._cloud = cloud
        self._standby = standby
        self._endpoint = endpoint
        self._arn = arn
        self._on_end = on_end

    def launch(self, served: Served, on_start: Callable[[ModelServer], None]) -> Launch:
        """Do what SageMaker does for a new instance; return when /ping answers. Raises LaunchError."""
        credentials = self._assume(served)
        self._pull(served)
        folder = self._cloud.work / "endpoints" / self._endpoint / uuid.uuid4().hex[:8]
        model_folder = folder / "model"
        self._fetch_model(served, credentials, model_folder)
        group = f"/aws/sagemaker/Endpoints/{self._endpoint}"
        stream = LogStream(
            self._cloud.client("logs", credentials), group=group, stream=f"{served.variant_name}/i-{folder.name}"
        )
        log = ForgivingLog(stream, self._note)
        log.add(f"Starting {served.image}")
        serves = threading.Event()

        def on_line(line: str) -> None:
            """Keep a line for the log; once the container serves nobody else would write it in time."""
            log.add(line)
            if serves.is_set():
                log.write()

        server = ModelServer(
            self._standby.take(served.environment),
            model_folder=model_folder,
            on_line=on_line,
            on_end=self._on_end,
        )
        on_start(server)
        try:
            server.wait_until_healthy()
        except ServerError as error:
            server.end()
            text = f"The primary container for production variant {served.variant_name} did not pass the ping"
            advice = "Please check CloudWatch logs for this endpoint."
            raise LaunchError(f"{text} health check. {advice} {error}") from error
        finally:
            serves.set()
            log.write()
            self._standby.prepare()
        return Launch(served=served, server=server, log=log)

    def _note(self, what: str) -> None:
        self._cloud.progress.note(self._endpoint, what)

    def _assume(self, served: Served) -> Credentials:
        try:
            return self._cloud.assume(served.role_arn, SAGEMAKER, source_arn=self._arn, session="SageMaker")
        except AwsError as error:
            raise LaunchError(f"Could not assume role {served.role_arn}: {error.message}") from error

    def _pull(self, served: Served) -> None:
        """Ask for the rights to pull the image. There is one image that the container here stands for."""
        expected = serving_image.uri(self._cloud.region)
        if served.image != expected:
            raise LaunchError(f"not emulated: image {served.image}; the container here stands for {expected}")
        registry, _, name = served.image.partition("/")
        account, region = registry.split(".")[0], registry.split(".")[3]
        repository = f"arn:aws:ecr:{region}:{account}:repository/{name.partition(':')[0]}"
        try:
            self._cloud.check(served.role_arn, "ecr:GetAuthorizationToken", "*", via="image pull")
            for action in _PULL_ACTIONS:
                self._cloud.check(served.role_arn, action, repository, via="image pull")
        except AwsError as error:
            raise LaunchError(f"Could not pull image {served.image}: {error.message}") from error

    def _fetch_model(self, served: Served, credentials: Credentials, folder: Path) -> None:
        url = served.model_data_url
        bucket, _, key = url.removeprefix("s3://").partition("/")
        try:
            archive = self._cloud.client("s3", credentials).get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            text = f"Could not access model data at {url}. Please ensure that the role {served.role_arn} may read it"
            raise LaunchError(f"{text}: {as_aws_error(error).message}") from error
        try:
            _extract(archive, folder)
        except (tarfile.TarError, OSError, EOFError) as error:
            raise LaunchError(f"Failed to extract model data archive from {url}: {error}") from error


def _extract(archive: bytes, folder: Path) -> None:
    """Write the regular files of a gzipped tar archive below `folder`. Raises tarfile.TarError for anything else."""
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as content:
        for member in content:
            name = PurePosixPath(member.name)
            source = content.extractfile(member)
            if member.isdir():
                continue
            if not member.isfile() or source is None or name.is_absolute() or ".." in name.parts:
                raise tarfile.ExtractError(f"{member.name} is not a plain file inside of the archive")
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read())
