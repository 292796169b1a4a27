"""Put a release on the endpoint so that only a proven model stays there: create, update or finish what was begun.

Whatever fails, the version before serves again, and what was made for the release is removed. A run that ends between
any two calls leaves nothing that the next run of the same release does not finish or remove.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from ml import autoscaling, endpoint, endpoint_config, entry, pruning, serving
from ml.endpoint import FailedError, Pauses, RolledBackError
from ml.endpoint_config import IN_SERVICE_SECONDS, Release
from ml.endpoint_wait import Wait
from ml.errors import RoadError
from ml.gate import one_line
from ml.proof import PROOF_SECONDS, ProofError, prove
from ml.serving import Serving

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

CREATION_ATTEMPTS = 2


@dataclass(frozen=True, kw_only=True)
class Clients:
    """The services that a rollout talks to."""

    sagemaker: "SageMakerClient"
    runtime: "SageMakerRuntimeClient"
    cloudwatch: "CloudWatchClient"
    autoscaling: "ApplicationAutoScalingClient"


@dataclass(frozen=True, kw_only=True)
class WayBack:
    """What is done about a release that proves wrong: it returns what serves then. `command` does it by hand."""

    go: Callable[[], str]
    command: str


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """One release on its way, with the records that it must answer."""

    release: Release
    golden: Mapping[str, Any]
    clients: Clients
    pauses: Pauses

    def run(self) -> str:
        """Return the configuration that serves the release, proven. Raises RoadError when it does not serve."""
        config = self._bring_into_service()
        plan = self.release.plan
        entry.say(f"proof: {plan.name} answers {len(self.golden['instances'])} golden records as its model did")
        autoscaling.follow(self.clients.autoscaling, plan, self.pauses)
        pruning.prune(self.clients.sagemaker, self.release, config, entry.say)
        return config

    def _bring_into_service(self) -> str:
        name, sagemaker = self.release.plan.name, self.clients.sagemaker
        seconds = endpoint.SETTLE_SECONDS + self.release.plan.watch_seconds
        found = endpoint.settled(sagemaker, Wait(name=name, seconds=seconds, say=entry.say), self.pauses)
        if found is not None and found["EndpointStatus"] == endpoint.FAILED:
            entry.say(f"endpoint: {endpoint.broken(found)}; it is made anew")
            self._remove_endpoint()
            found = None
        if found is None:
            return self._create()
        if found["EndpointStatus"] != endpoint.IN_SERVICE:
            raise endpoint.broken(found)
        now = serving.read(sagemaker, found)
        if now.config_name == self.release.config_name:
            return self._finish(now)
        if now.equals(self.release):
            # Made by another execution and proven there: a wrong answer now is for a person to look into.
            entry.say(f"endpoint: {name} serves this version already, with {now.config_name}")
            self._prove()
            return now.config_name
        return self._replace(now)

    # --- the first release -------------------------------------------------------------------------------------------

    def _create(self) -> str:
        config = self._make()
        for attempt in range(1, CREATION_ATTEMPTS + 1):
            self._begin(lambda: endpoint.create(self.clients.sagemaker, self.release, self.pauses))
            entry.say(f"endpoint: {self.release.plan.name} is created with {config}")
            try:
                self._wait(config, IN_SERVICE_SECONDS, old_reason="")
                break
            except FailedError as failed:
                self._remove_endpoint()
                if attempt == CREATION_ATTEMPTS:
                    self._afterwards(self._discard)
                    raise
                entry.say(f"endpoint: {failed}; one more attempt")
        self._prove_or(self._removal)
        return config

    @property
    def _removal(self) -> WayBack:
        command = f"aws sagemaker delete-endpoint --endpoint-name {self.release.plan.name}"
        return WayBack(go=self._remove_first, command=command)

    def _remove_first(self) -> str:
        self._remove_endpoint()
        return "It was the endpoint's first model: the endpoint is removed again"

    # --- the next ones -----------------------------------------------------------------------------------------------

    def _replace(self, now: Serving) -> str:
        serving.check_may_replace(now, self.release)
        serving.check_alarms(self.clients.cloudwatch, self.release)
        pruning.remove_unfinished(self.clients.sagemaker, self.release, _config_of(now), entry.say)
        config, plan = self._make(), self.release.plan
        if not plan.serverless and not (plan.scales and now.variant.get("InstanceType") == plan.instance_type):
            # Another instance type is refused while the endpoint is to scale (developer guide, "Update endpoints that
            # use auto scaling"); another model is not.
            autoscaling.remove(self.clients.autoscaling, plan)
        request = endpoint_config.update_request(self.release, now.instances)
        self._begin(lambda: endpoint.update(self.clients.sagemaker, request, self.pauses))
        entry.say(f"endpoint: {plan.name} is updated from {now.config_name} to {config}")
        try:
            seconds = IN_SERVICE_SECONDS + plan.watch_seconds + endpoint.ROLL_BACK_SECONDS
            self._wait(config, seconds, old_reason=now.failure_reason)
        except RolledBackError:
            self._afterwards(self._scale, self._discard)
            raise
        self._prove_or(self._return_to(now.config_name, now.failure_reason))
        return config

    def _finish(self, now: Serving) -> str:
        """Finish what an earlier run of this execution began: its configuration serves, its proof may be missing."""
        entry.say(f"endpoint: {self.release.plan.name} serves {now.config_name} already, as this execution wanted")
        configs = pruning.inventory_of(self.clients.sagemaker, self.release.plan).configs
        before = pruning.previous(configs, _config_of(now))
        self._prove_or(self._return_to(before, now.failure_reason) if before else self._removal)
        return now.config_name

    def _return_to(self, config: str, old_reason: str) -> WayBack:
        name = self.release.plan.name
        command = f"aws sagemaker update-endpoint --endpoint-name {name} --endpoint-config-name {config}"
        return WayBack(go=lambda: self._take_back(config, old_reason), command=command)

    def _take_back(self, config: str, old_reason: str) -> str:
        """Return to a configuration that has proven itself: at once, and with as many instances as there are."""
        plan = self.release.plan
        entry.say(f"endpoint: {plan.name} returns to {config}")
        request: dict[str, Any] = {"EndpointName": plan.name, "EndpointConfigName": config}
        if plan.scales:
            autoscaling.remove(self.clients.autoscaling, plan)
            request |= endpoint_config.retention()
        endpoint.update(self.clients.sagemaker, request, self.pauses)
        self._wait(config, IN_SERVICE_SECONDS, old_reason=old_reason)
        self._afterwards(self._scale)
        return f"{config} serves again"

    # --- steps -------------------------------------------------------------------------------------------------------

    def _make(self) -> str:
        entry.say(f"model: {endpoint.put_model(self.clients.sagemaker, self.release)}")
        return endpoint.put_endpoint_config(self.clients.sagemaker, self.release)

    def _begin(self, call: Callable[[], None]) -> None:
        """Make the call that changes the endpoint; when it is refused, leave nothing behind."""
        try:
            call()
        except ClientError as refusal:
            if endpoint.has_begun(self.clients.sagemaker, self.release.plan.name, self.release.config_name):
                return
            self._afterwards(self._scale, self._discard)
            cause = refusal.response["Error"]
            if cause.get("Code") != "ResourceLimitExceeded":
                raise
            raise RoadError(
                f"endpoint {self.release.plan.name}: {one_line(cause.get('Message', ''), 300)}; nothing was deployed."
                " An update needs new instances beside the old ones: ask for a higher quota, then retry the stage"
            ) from refusal

    def _remove_endpoint(self) -> None:
        """A scalable target goes first: the deletion of an endpoint with one asks for more rights (developer guide)."""
        if not self.release.plan.serverless:
            autoscaling.remove(self.clients.autoscaling, self.release.plan)
        endpoint.remove(self.clients.sagemaker, self.release.plan.name, pauses=self.pauses, say=entry.say)

    def _wait(self, config: str, seconds: float, *, old_reason: str) -> None:
        wait = Wait(name=self.release.plan.name, seconds=seconds, say=entry.say)
        endpoint.wait_in_service(self.clients.sagemaker, config, wait, old_reason=old_reason, pauses=self.pauses)

    def _prove(self) -> None:
        prove(self.clients.runtime, self.release.plan.name, self.golden, self.pauses(PROOF_SECONDS))

    def _prove_or(self, way_back: WayBack) -> None:
        """Prove the release; a wrong one is undone. Raises RoadError that says what serves then."""
        try:
            self._prove()
        except ProofError as wrong:
            entry.say(f"proof: {wrong}")
            try:
                outcome = way_back.go()
            except (RoadError, ClientError, BotoCoreError) as failure:
                raise self._stuck(wrong, failure, way_back) from failure
            self._afterwards(self._discard)
            raise RoadError(f"{wrong}. {outcome}") from wrong

    def _stuck(self, wrong: ProofError, failure: Exception, way_back: WayBack) -> RoadError:
        """Return what to say when the way back has failed: what serves comes first, as the ledger cuts what is long."""
        name, version = self.release.plan.name, self.release.model_package.version
        return RoadError(
            f"an unproven model, version {version}, still serves endpoint {name}: the way back failed:"
            f" {one_line(str(failure), 300)}. It proved wrong: {wrong}. Retry the stage, which tries that again, or by"
            f" hand: {way_back.command}"
        )

    def _scale(self) -> None:
        autoscaling.follow(self.clients.autoscaling, self.release.plan, self.pauses)

    def _discard(self) -> None:
        """Remove what was made for the release, but nothing while the endpoint changes (API, UpdateEndpoint)."""
        name = self.release.plan.name
        if endpoint.has_begun(self.clients.sagemaker, name, self.release.config_name):
            entry.say(f"not tidied up: endpoint {name} is on its way to the release; the next one removes what is left")
            return
        pruning.discard(self.clients.sagemaker, self.release, entry.say)

    def _afterwards(self, *steps: Callable[[], None]) -> None:
        """Tidy up after a failure, which stays the one that is reported; what remains, the next release removes."""
        for step in steps:
            try:
                step()
            except (ClientError, BotoCoreError) as error:
                entry.say(f"not tidied up: {one_line(str(error), 300)}")


def _config_of(now: Serving) -> pruning.Config:
    return pruning.Config(name=now.config_name, created=now.created)
