"""Every ARN of one stack, computed from its names: policies are exact, and readable before anything exists."""

from dataclasses import dataclass

from components.stored_arns import StoredArns, bucket_arn
from ml import contract, serving_image

# CodePipeline stores an artifact under the first 20 characters of the pipeline's name and the first 10 of the
# artifact's (seen in artifact buckets; AWS re:Post confirms the cut).
_PIPELINE_PREFIX_CHARACTERS = 20
_ARTIFACT_PREFIX_CHARACTERS = 10


@dataclass(frozen=True, kw_only=True)
class Arns(StoredArns):
    """ARNs of what the names stand for."""

    @property
    def account_root(self) -> str:
        """The account itself, as a principal."""
        return f"arn:aws:iam::{self.names.account}:root"

    @property
    def pipeline_role(self) -> str:
        """The role that the pipeline runs as."""
        return f"arn:aws:iam::{self.names.account}:role/{self.names.pipeline_role}"

    @property
    def execution_role(self) -> str:
        """The role that the serving containers run as."""
        return f"arn:aws:iam::{self.names.account}:role/{self.names.execution_role}"

    @property
    def pipeline(self) -> str:
        """The pipeline."""
        return self._regional("codepipeline", self.names.pipeline)

    @property
    def repository(self) -> str:
        """The source repository."""
        return self._regional("codecommit", self.names.repository)

    @property
    def branch_guard(self) -> str:
        """The policy that keeps people from writing to the branch past its reviews."""
        return f"arn:aws:iam::{self.names.account}:policy/{self.names.branch_guard}"

    @property
    def train_project(self) -> str:
        """The train build's project."""
        return self._regional("codebuild", f"project/{self.names.train_project}")

    @property
    def deploy_project(self) -> str:
        """The deploy build's project."""
        return self._regional("codebuild", f"project/{self.names.deploy_project}")

    @property
    def approval_function(self) -> str:
        """The approval function."""
        return self._regional("lambda", f"function:{self.names.approval_function}")

    @property
    def bridge_function(self) -> str:
        """The function that keeps pipeline and registry in step."""
        return self._regional("lambda", f"function:{self.names.bridge_function}")

    @property
    def manual_approval(self) -> str:
        """The pipeline's action that waits for a person."""
        return f"{self.pipeline}/{contract.APPROVAL_STAGE}/{contract.MANUAL_APPROVAL_ACTION}"

    @property
    def bridge_dead_letter_queue(self) -> str:
        """Where events go that the bridge function could not handle."""
        return self._regional("sqs", self.names.bridge_dead_letter_queue)

    @property
    def approvals_topic(self) -> str:
        """Where approvers are told that a version waits."""
        return self._regional("sns", self.names.approvals_topic)

    @property
    def alarms_topic(self) -> str:
        """Where alarms go."""
        return self._regional("sns", self.names.alarms_topic)

    @property
    def dead_letter_queue(self) -> str:
        """Where events go that the approval function could not handle."""
        return self._regional("sqs", self.names.dead_letter_queue)

    @property
    def push_rule(self) -> str:
        """The rule that starts the pipeline on a push."""
        return self._regional("events", f"rule/{self.names.push_rule}")

    @property
    def registry_rule(self) -> str:
        """The rule that calls the approval function when a version is registered."""
        return self._regional("events", f"rule/{self.names.registry_rule}")

    @property
    def decision_rule(self) -> str:
        """The rule that tells the bridge of a decision in the registry."""
        return self._regional("events", f"rule/{self.names.decision_rule}")

    @property
    def waiting_rule(self) -> str:
        """The rule that tells the bridge that an approval waits, or has ended."""
        return self._regional("events", f"rule/{self.names.waiting_rule}")

    @property
    def age_rule(self) -> str:
        """The schedule by which the bridge measures how long an approval has waited."""
        return self._regional("events", f"rule/{self.names.age_rule}")

    @property
    def trail(self) -> str:
        """The stack's own trail."""
        return self._regional("cloudtrail", f"trail/{self.names.trail}")

    @property
    def artifact_bucket(self) -> str:
        """The bucket through which the stages hand over."""
        return bucket_arn(self.names.artifact_bucket)

    @property
    def source_artifacts(self) -> str:
        """Every commit that the pipeline stored."""
        return self._artifacts(contract.SOURCE_ARTIFACT)

    @property
    def build_artifacts(self) -> str:
        """Every result of the train build that the pipeline stored."""
        return self._artifacts(contract.BUILD_ARTIFACT)

    @property
    def model_package_groups(self) -> list[str]:
        """The registry's group, in both spellings."""
        return self._both_spellings("model-package-group/{}")

    @property
    def model_packages(self) -> list[str]:
        """Every version in the group, in both spellings."""
        return self._both_spellings("model-package/{}/*")

    @property
    def models(self) -> str:
        """Every SageMaker model that the deploy build may make."""
        return self._regional("sagemaker", f"model/{self.names.endpoint}{contract.VERSION_SEPARATOR}*")

    @property
    def endpoint_configs(self) -> str:
        """Every endpoint configuration that the deploy build may make."""
        return self._regional("sagemaker", f"endpoint-config/{self.names.endpoint}{contract.VERSION_SEPARATOR}*")

    @property
    def endpoint(self) -> str:
        """The endpoint."""
        return self._regional("sagemaker", f"endpoint/{self.names.endpoint}")

    @property
    def rollout_alarms(self) -> list[str]:
        """The alarms that take a bad update of the endpoint back."""
        return [self.alarm(name) for name in (self.names.endpoint_errors_alarm, self.names.endpoint_latency_alarm)]

    @property
    def scaling_alarms(self) -> str:
        """The alarms that Application Auto Scaling makes for the endpoint: it names them so."""
        return self.alarm(f"TargetTracking-endpoint/{self.names.endpoint}/variant/{contract.VARIANT_NAME}-*")

    @property
    def scaling_role(self) -> str:
        """The role under which Application Auto Scaling scales endpoints, one for the account."""
        path = "aws-service-role/sagemaker.application-autoscaling.amazonaws.com"
        role = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
        return f"arn:aws:iam::{self.names.account}:role/{path}/{role}"

    @property
    def any_sagemaker_resource(self) -> str:
        """Everything of SageMaker's in this account and region."""
        return self._regional("sagemaker", "*")

    @property
    def serving_image(self) -> str:
        """The image repository that AWS publishes the serving image in, in this region."""
        account = serving_image.ACCOUNTS[self.names.region]
        return f"arn:aws:ecr:{self.names.region}:{account}:repository/{serving_image.REPOSITORY}"

    def alarm(self, name: str) -> str:
        """Return the ARN of an alarm."""
        return self._regional("cloudwatch", f"alarm:{name}")

    def rule(self, name: str) -> str:
        """Return the ARN of a rule on the default bus."""
        return self._regional("events", f"rule/{name}")

    def queue(self, name: str) -> str:
        """Return the ARN of a queue."""
        return self._regional("sqs", name)

    def log_group(self, name: str) -> str:
        """Return the ARN of a log group."""
        return self._regional("logs", f"log-group:{name}")

    def log_streams(self, name: str) -> str:
        """Return the pattern of everything within a log group."""
        return f"{self.log_group(name)}:*"

    def _regional(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.names.region}:{self.names.account}:{rest}"

    def _artifacts(self, artifact: str) -> str:
        pipeline = self.names.pipeline[:_PIPELINE_PREFIX_CHARACTERS]
        return f"{self.artifact_bucket}/{pipeline}/{artifact[:_ARTIFACT_PREFIX_CHARACTERS]}/*"

    def _both_spellings(self, rest: str) -> list[str]:
        # SageMaker has lower-cased the group in these ARNs, and has kept its case: reports differ, so both are named.
        group = self.names.model_package_group
        spellings = dict.fromkeys((group, group.lower()))
        return [self._regional("sagemaker", rest.format(spelling)) for spelling in spellings]
