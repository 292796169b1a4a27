"""CleanUp: `pulumi destroy` takes down what the deploy step made.

Endpoint, configurations and models come and go with releases, and Pulumi does not know them. One resource in the
program stands for them all: to create it does nothing, to delete it removes them. See docs/decisions/0005.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import dynamic

from components.names import Names
from components.settings import Settings

ATTEMPTS = 8
"""Of each AWS call. botocore's own three give up after a few seconds of throttling."""

_IDENTITY = frozenset({"account", "region", "endpoint_name", "model_package_group"})
"""With another value it stands for other things: the old ones are removed and the new ones taken on."""


class ReleasesProvider(dynamic.ResourceProvider):
    """What Pulumi runs, in a process of its own in the project's directory, when it changes or deletes `Releases`.

    The state of a stack holds this class by its name, `components.clean_up.ReleasesProvider`, and nothing of its code:
    it must keep that name as long as a stack that knows it exists.
    """

    # There is nothing secret in it, and a secret would be encrypted anew by each change of the stack's key.
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Take the releases on: there are none yet."""
        return dynamic.CreateResult(props["endpoint_name"], dict(props))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        """Tell what changed, so that an unchanged program changes nothing."""
        changed = {name for name in {*_olds, *_news} if _olds.get(name) != _news.get(name)}
        return dynamic.DiffResult(changes=bool(changed), replaces=sorted(changed & _IDENTITY))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        """Remember the new properties for the deletion."""
        return dynamic.UpdateResult(dict(_news))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Remove every release. Raises RoadError with what a person must repair; then destroy again."""
        import boto3  # not needed by the program

        session = boto3.Session(region_name=_props["region"], profile_name=_props["profile"] or None)
        remove_releases(_props, session, say=pulumi.log.info)


def remove_releases(properties: Mapping[str, Any], session: Any, *, say: Any) -> None:
    """Remove what `properties` stand for with the credentials of `session` (a boto3 session).

    Running builds are stopped first, because they would make it again; versions of the model go last, and only where
    the settings do not protect them. Raises RoadError when the credentials are those of another account.
    """
    from botocore.config import Config

    from ml import clean_up  # only here: a program that runs needs nothing of it
    from ml.errors import InputError
    from ml.registry import growing_pauses

    def _client(service: str) -> Any:
        return session.client(service, config=Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS}))

    account = _client("sts").get_caller_identity()["Account"]
    if account != properties["account"]:
        raise InputError(
            f"these credentials are of account {account}, the stack is in {properties['account']}: nothing was removed."
            " Use credentials of the stack's account, then run pulumi destroy again"
        )
    clients = clean_up.Clients(
        sagemaker=_client("sagemaker"), autoscaling=_client("application-autoscaling"), codebuild=_client("codebuild")
    )
    clean_up.stop_builds(clients.codebuild, properties["build_projects"], pauses=growing_pauses, say=say)
    clean_up.remove_all(clients, properties["endpoint_name"], pauses=growing_pauses, say=say)
    if properties["remove_versions"]:
        versions = clean_up.package_versions(clients.sagemaker, properties["model_package_group"])
        clean_up.remove_versions(clients.sagemaker, versions, say=say)


class Releases(dynamic.Resource, module="mle004", name="Releases"):
    """Everything that the deploy step has made and will make."""

    def __init__(self, name: str, props: Mapping[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(ReleasesProvider(), name, dict(props), opts)


@dataclass(frozen=True, kw_only=True)
class CleanUpArgs:
    """Whose releases: those of this stack, which its names tell."""

    names: Names
    settings: Settings


class CleanUp(pulumi.ComponentResource):
    """The releases as one resource of the program. Versions in the registry go too, unless the settings protect them.

    Its options say the order: it depends on what releases need (roles, buckets, group, the builds that it stops), which
    therefore goes later; the pipeline, which could make one more release, depends on it and goes first.
    """

    def __init__(self, name: str, args: CleanUpArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:CleanUp", name, None, opts)
        Releases(f"{name}-releases", properties(args.names, args.settings), pulumi.ResourceOptions(parent=self))
        self.register_outputs({})


def properties(names: Names, settings: Settings) -> dict[str, Any]:
    """Return what the deletion must know: it reads no stack file, and Pulumi's own provider not at all."""
    return {
        "account": names.account,
        "region": names.region,
        "profile": settings.profile or "",
        "endpoint_name": names.endpoint,
        "model_package_group": names.model_package_group,
        "build_projects": [names.train_project, names.deploy_project],
        "remove_versions": not settings.protect_data,
    }
