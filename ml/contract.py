"""Words that two processes share: environment keys, file names, metrics, statuses and versions.

The Pulumi program writes them into build projects and the approval Lambda; the code that runs there reads them back.
Nothing is computed here and nothing is imported beyond the standard library, so every place may import this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

# --- versions: the serving container decides, everything else follows ------------------------------------------------

CONTAINER_VERSION = "1.9-0"
"""Tag of SageMaker's scikit-learn image: scikit-learn 1.9.0 on Python 3.12, x86 only (aws/deep-learning-containers)."""

CONTAINER_LIBRARIES: Mapping[str, str] = MappingProxyType(
    {"scikit-learn": "1.9.0", "numpy": "2.5.1", "scipy": "1.18.0", "joblib": "1.5.3"}
)
"""What that image holds (its uv.lock). A model must be trained with the same scikit-learn: a mismatch only warns."""

PYTHON_VERSION = "3.12"
"""Python of the serving container and therefore of the builds."""

BUILD_IMAGE = "aws/codebuild/standard:7.0"
"""Maintained and offers Python 3.12; the brief's standard:5.0 stops at 3.9 and is no longer maintained."""

LAMBDA_RUNTIME = "python3.13"
"""Lasts longer than the brief's python3.11: see LAMBDA_RUNTIME_ENDS."""

LAMBDA_RUNTIME_ENDS: Mapping[str, date] = MappingProxyType(
    {
        "python3.11": date(2027, 6, 30),
        "python3.12": date(2028, 10, 31),
        "python3.13": date(2029, 6, 30),
        "python3.14": date(2029, 6, 30),
    }
)
"""When a runtime is deprecated; two months later no function on it can be changed (Lambda runtimes page, 2026-11)."""

BUILD_IMAGE_ENDS: Mapping[str, date] = MappingProxyType(
    {"aws/codebuild/standard:7.0": date(2027, 6, 1), "aws/codebuild/standard:8.0": date(2029, 5, 31)}
)
"""When standard support of an image's Ubuntu ends, 22.04 and 24.04; AWS names no date for the image (2026-11)."""

PYTHON_ENDS: Mapping[str, date] = MappingProxyType({"3.12": date(2028, 10, 31)})
"""When security fixes of a Python end (devguide.python.org/versions, read 2026-11)."""

# --- files -----------------------------------------------------------------------------------------------------------

MODEL_PACKAGE_ARN_FILE = "model_package_arn.txt"
MODEL_SUMMARY_FILE = "model_summary.txt"
MODEL_REPORT_URL_FILE = "model_report_url.txt"
ARCHIVE_FILE = "model.tar.gz"
MODEL_FILE = "model.pkl"
INFERENCE_FILE = "code/inference.py"
SERVING_FILES = (
    INFERENCE_FILE,
    "code/quick_forest.py",
    "code/quick_model.py",
    "code/quick_records.py",
    "code/request_rows.py",
    "code/safe_pickle.py",
    "code/warm_start.py",
)
"""The serving code: modules of ml/ that lie side by side in the container."""

METADATA_FILE = "metadata.json"
GOLDEN_FILE = "golden.json"
SBOM_FILE = "sbom.cdx.json"
"""CycloneDX: the packages that made the model. In the archive, so that the archive's SHA-256 vouches for it too."""

EVALUATION_FILE = "evaluation.json"
REPORT_FILE = "report.html"

LARGEST_EVALUATION = 1024 * 1024
"""Bytes of an evaluation document, at most: the approval function reads no more."""

MODELS_PREFIX = "models/"
"""Keys of model archives in the model bucket: models/<sha256>/model.tar.gz."""

EVALUATIONS_PREFIX = "evaluations/"
"""Keys of evaluation documents in the model bucket: evaluations/<sha256>/evaluation.json."""

REPORTS_PREFIX = "reports/"
"""Keys of reports in the model bucket: reports/<sha256>/report.html."""

TRAINING_INPUTS_PREFIX = "training/inputs/"
"""Keys of what training jobs get, in the model bucket: training/inputs/<sha256>/<file>."""

TRAINING_JOBS_PREFIX = "training/jobs/"
"""Keys of what training jobs leave, in the model bucket: training/jobs/<job>/output/model.tar.gz."""

TRAINING_LOG_GROUP = "/aws/sagemaker/TrainingJobs"
"""Where SageMaker writes what the training jobs of an account and region print; it cannot be chosen."""

LEDGER_PREFIX = "ledger/"
"""Keys of the record of deployments in the model bucket: ledger/<endpoint>/<execution>-<event>.json."""

# --- environment keys: written by the program, read by the entries ---------------------------------------------------

MODEL_BUCKET = "MODEL_BUCKET"
MODEL_PACKAGE_GROUP = "MODEL_PACKAGE_GROUP"
USE_CASE = "USE_CASE"
DATA_URI = "DATA_URI"
TARGET_COLUMN = "TARGET_COLUMN"
ENDPOINT_NAME = "ENDPOINT_NAME"
ENDPOINT_INSTANCE_TYPE = "ENDPOINT_INSTANCE_TYPE"
ENDPOINT_INSTANCE_COUNT = "ENDPOINT_INSTANCE_COUNT"
ENDPOINT_KIND = "ENDPOINT_KIND"
ENDPOINT_MAX_INSTANCE_COUNT = "ENDPOINT_MAX_INSTANCE_COUNT"
ENDPOINT_MEMORY_MB = "ENDPOINT_MEMORY_MB"
ENDPOINT_MAX_CONCURRENCY = "ENDPOINT_MAX_CONCURRENCY"
ENDPOINT_TRAFFIC = "ENDPOINT_TRAFFIC"
ENDPOINT_BAKE_SECONDS = "ENDPOINT_BAKE_SECONDS"
ENDPOINT_KEEP_VERSIONS = "ENDPOINT_KEEP_VERSIONS"
ENDPOINT_ALARMS = "ENDPOINT_ALARMS"
"""JSON list: names of the alarms that take a bad update back."""

EXECUTION_ROLE_ARN = "EXECUTION_ROLE_ARN"
THRESHOLDS = "THRESHOLDS"
"""JSON object: metric name -> limit."""

GATE = "GATE"
"""JSON object: basis, confidence, championMargin."""

TRAINING_ENGINE = "TRAINING_ENGINE"
TRAINING_INSTANCE_TYPE = "TRAINING_INSTANCE_TYPE"
TRAINING_MAX_SECONDS = "TRAINING_MAX_SECONDS"
"""After so many seconds SageMaker stops a training job."""

TRAINING_JOB_PREFIX = "TRAINING_JOB_PREFIX"
TRAINING_KEY_ARN = "TRAINING_KEY_ARN"
"""The stack's key, for a training job's disk and its result."""

TRAINING_SEARCH = "TRAINING_SEARCH"
"""JSON object: trials, folds, parallelJobs."""

TRAINING_SHARE = "TRAINING_SHARE"
"""Only in a training job that tries a share of the hyper-parameters: "0/3" is the first of three shares."""

TRAINING_SEARCH_RESULT = "TRAINING_SEARCH_RESULT"
"""Only in a training job: where the search lies that other jobs have made."""

TRAINING_CHAMPION = "TRAINING_CHAMPION"
"""Only in a training job: the version that serves, without its archive; a JSON object or null."""

APPROVAL_MODE = "APPROVAL_MODE"
PIPELINE_NAME = "PIPELINE_NAME"
APPROVAL_TIMEOUT_MINUTES = "APPROVAL_TIMEOUT_MINUTES"
TAGS = "TAGS"
"""JSON object: the tags of the stack, for what the deploy step makes."""

BUILD_ARN = "CODEBUILD_BUILD_ARN"
"""Set by CodeBuild itself: it tells a build its own account and region."""

# Set per execution by the pipeline's actions.
PIPELINE_EXECUTION_ID = "PIPELINE_EXECUTION_ID"
COMMIT_ID = "COMMIT_ID"
REPOSITORY_NAME = "REPOSITORY_NAME"
MODEL_PACKAGE_ARN = "MODEL_PACKAGE_ARN"
"""Also the name of the variable that the train build exports; Deploy compares it with the file."""

MODEL_SUMMARY = "MODEL_SUMMARY"
"""Variable that the train build exports: one line for the approver."""

MODEL_REPORT_URL = "MODEL_REPORT_URL"
"""Variable that the train build exports: where the approver reads more."""

EXECUTION_URL = "EXECUTION_URL"
"""Where a person sees the execution, for a version that has no report."""

# --- choices ---------------------------------------------------------------------------------------------------------

AUTOMATED = "automated"
MANUAL = "manual"
BOTH = "both"
"""Approval modes: metrics decide, a person decides, or a person is asked once the metrics have passed."""

POINT = "point"
BOUND = "bound"
"""Gate bases: the measured value, or the worse end of its confidence interval."""

REALTIME = "realtime"
SERVERLESS = "serverless"

CODEBUILD_ENGINE = "codebuild"
SAGEMAKER_ENGINE = "sagemaker"
"""Training engines: the train build itself, or training jobs that it starts."""

ALL_AT_ONCE = "all-at-once"
CANARY = "canary"
LINEAR = "linear"

SHIFTS: Mapping[str, int] = MappingProxyType({ALL_AT_ONCE: 1, CANARY: 2, LINEAR: 4})
"""In how many steps traffic moves to a new version, at most. The alarms are watched after each of them."""


def watch_seconds(traffic: str, bake_seconds: int) -> int:
    """Return for how long an update is watched in all: `bake_seconds` after each step, at most."""
    return SHIFTS[traffic] * bake_seconds


# --- pipeline words --------------------------------------------------------------------------------------------------

BUILD_STAGE = "Build"
AUTO_APPROVAL_STAGE = "AutoApproval"
APPROVAL_STAGE = "Approval"
TRAIN_ACTION = "TrainModel"
AUTO_APPROVAL_ACTION = "AutoApproval"
MANUAL_APPROVAL_ACTION = "ManualApproval"
RECORD_ACTION = "RecordApproval"

PIPELINE_VARIABLE = "RELEASE_MODEL_PACKAGE_ARN"
"""Pipeline variable, and the key under which the train build gets it: release this approved version, train nothing."""

NO_RELEASE = "none"
"""Its default, which means: train. The default of a V2 pipeline's variable must not be empty (CodePipeline API)."""

SOURCE_ARTIFACT = "SourceArtifact"
BUILD_ARTIFACT = "BuildArtifact"
BUILD_ARTIFACT_DIRECTORY = f"CODEBUILD_SRC_DIR_{BUILD_ARTIFACT}"
"""Environment key under which CodeBuild tells where a secondary input artifact lies."""

JOB_MODEL_PACKAGE_ARN = "modelPackageArn"
"""Key in the Lambda action's UserParameters (a JSON object)."""

APPROVAL_AGE = "approvalAgeSeconds"
"""Key in the bridge function's log line: for how many seconds the oldest approval has waited, 0 when none does."""

# --- registry words (SageMaker's own) --------------------------------------------------------------------------------

PENDING = "PendingManualApproval"
APPROVED = "Approved"
REJECTED = "Rejected"

VARIANT_NAME = "AllTraffic"

VERSION_SEPARATOR = "--"
"""Between the endpoint's name and the rest of a model's or an endpoint configuration's name. A name suffix never holds
two hyphens in a row, so that `mle-004-churn--*` covers dev's models and none of `mle-004-churn-prod--...`."""

# CustomerMetadataProperties of a model package.
METADATA_COMMIT = "commit"
METADATA_EXECUTION = "pipeline_execution"
METADATA_USE_CASE = "use_case"
METADATA_MODEL_SHA256 = "model_sha256"
METADATA_EVALUATION_SHA256 = "evaluation_sha256"
METADATA_DATA_SHA256 = "data_sha256"
METADATA_REPORT = "report"
"""URI of the report that a person judges by."""

METADATA_METRIC_PREFIX = "metric_"

# --- metrics ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What a threshold on this metric may say: its range, and whether more is better."""

    higher_is_better: bool
    low: float
    high: float


_SHARE = Metric(higher_is_better=True, low=0.0, high=1.0)
_ERROR = Metric(higher_is_better=False, low=0.0, high=float("inf"))

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "accuracy": _SHARE,
        "precision": _SHARE,
        "recall": _SHARE,
        "f1": _SHARE,
        "auc": _SHARE,
        "average_precision": _SHARE,
        "recall_at_precision": _SHARE,
        "log_loss": _ERROR,
        "brier": Metric(higher_is_better=False, low=0.0, high=1.0),
        "rmse": _ERROR,
        "mae": _ERROR,
        "r2": Metric(higher_is_better=True, low=float("-inf"), high=1.0),
        "silhouette": Metric(higher_is_better=True, low=-1.0, high=1.0),
        "stability": Metric(higher_is_better=True, low=-1.0, high=1.0),
    }
)
"""Every metric that a threshold may name, in [low, high]. rmse and mae are in the target's own unit."""

PRECISION_FLOOR = 0.9
"""recall_at_precision is the greatest recall that keeps at least this precision."""

CLASSIFICATION = "classification"
REGRESSION = "regression"
CLUSTERING = "clustering"

TASK_METRICS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        CLASSIFICATION: (
            "accuracy", "precision", "recall", "f1", "auc", "average_precision", "recall_at_precision", "log_loss",
            "brier",
        ),
        REGRESSION: ("rmse", "mae", "r2"),
        CLUSTERING: ("silhouette", "stability"),
    }
)  # fmt: skip
"""What each kind of task is measured by."""

WITHOUT_INTERVAL = frozenset({"average_precision", "recall_at_precision", "stability"})
"""Metrics whose confidence interval is not estimated: no gate with basis bound can judge them."""

# --- use cases -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class UseCase:
    """What the program must know of a use case without importing it; the code is ml/usecases/<name>.py.

    `target_column` is empty for clustering, which learns without a target. `thresholds` hold where a stack sets none.
    """

    model_package_group: str
    target_column: str
    task: str = CLASSIFICATION
    thresholds: Mapping[str, float]
    misleading: frozenset[str] = frozenset()
    """Metrics that even the best constant answer is good at: thresholds on them alone are no gate."""


USE_CASES: Mapping[str, UseCase] = MappingProxyType(
    {
        "churn": UseCase(
            model_package_group="ChurnPredictionModels",
            target_column="churned",
            task=CLASSIFICATION,
            thresholds=MappingProxyType({"accuracy": 0.85}),
        ),
        "fraud": UseCase(
            model_package_group="FraudDetectionModels",
            target_column="fraudulent",
            task=CLASSIFICATION,
            thresholds=MappingProxyType({"average_precision": 0.6, "recall_at_precision": 0.3}),
            misleading=frozenset({"accuracy", "log_loss", "brier"}),
        ),
        "segmentation": UseCase(
            model_package_group="CustomerSegmentationModels",
            target_column="",
            task=CLUSTERING,
            thresholds=MappingProxyType({"silhouette": 0.35, "stability": 0.8}),
        ),
        "maintenance": UseCase(
            model_package_group="PredictiveMaintenanceModels",
            target_column="remaining_hours",
            task=REGRESSION,
            thresholds=MappingProxyType({"rmse": 40.0, "r2": 0.7}),
        ),
    }
)
DEFAULT_USE_CASE = "churn"
