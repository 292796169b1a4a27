"""What the build project and the pipeline tell the Build stage, typed; a training job is told the same."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml import approved_version, catalogue, contract, entry, gate, search
from ml.registry import ModelPackageArn

REQUIRED = (
    contract.MODEL_BUCKET,
    contract.MODEL_PACKAGE_GROUP,
    contract.USE_CASE,
    contract.ENDPOINT_INSTANCE_TYPE,
    contract.PIPELINE_EXECUTION_ID,
    contract.COMMIT_ID,
    contract.REPOSITORY_NAME,
    contract.EXECUTION_URL,
    contract.ENDPOINT_NAME,
    contract.THRESHOLDS,
    contract.GATE,
)
"""Keys that every build and every training job must be told."""

OPTIONAL = (contract.DATA_URI, contract.TARGET_COLUMN, contract.TRAINING_SEARCH)
"""Keys that both may be told: without them they take the use case's own table and target, and make no search."""


@dataclass(frozen=True, kw_only=True)
class BuildEnvironment:
    """What the build project and the pipeline action tell this build."""

    model_bucket: str
    group: str
    use_case: str
    data_uri: str
    target: str
    instance_type: str
    execution: str
    commit: str
    repository: str
    build_arn: str
    requested: ModelPackageArn | None
    execution_url: str
    endpoint_name: str
    thresholds: Mapping[str, object]
    rule: gate.Rule
    """By which the model will be judged; the evaluation's intervals have its confidence."""
    search: search.Plan

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "BuildEnvironment":
        """Return the typed environment. Raises InputError that names every key that is not set."""
        found = entry.values(environment, REQUIRED)
        use_case = catalogue.USE_CASES.get(found[contract.USE_CASE])
        return cls(
            model_bucket=found[contract.MODEL_BUCKET],
            group=found[contract.MODEL_PACKAGE_GROUP],
            use_case=found[contract.USE_CASE],
            data_uri=environment.get(contract.DATA_URI, "").strip(),
            target=environment.get(contract.TARGET_COLUMN, "").strip() or (use_case.target_column if use_case else ""),
            instance_type=found[contract.ENDPOINT_INSTANCE_TYPE],
            execution=found[contract.PIPELINE_EXECUTION_ID],
            commit=found[contract.COMMIT_ID],
            repository=found[contract.REPOSITORY_NAME],
            build_arn=environment.get(contract.BUILD_ARN, ""),
            requested=approved_version.requested(environment),
            execution_url=found[contract.EXECUTION_URL],
            endpoint_name=found[contract.ENDPOINT_NAME],
            thresholds=entry.json_object(found, contract.THRESHOLDS),
            rule=gate.Rule.read(found[contract.GATE]),
            search=search.Plan.read(environment),
        )
