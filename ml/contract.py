"""Words that two processes share: file names, environment keys, choices, statuses, and the pipeline's own.

The Pulumi program writes them into build projects and the approval Lambda; the code that runs there reads them back.
Nothing is imported beyond the standard library, so every place may import this module.
"""

from collections.abc import Mapping
from types import MappingProxyType

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

REGISTRATIONS_PREFIX = "registrations/"
"""Keys of what builds registered, in the model bucket: registrations/<group>/<version>-<time of creation>.json."""

LEDGER_PREFIX = "ledger/"
"""Keys of the record of deployments in the model bucket: ledger/<endpoint>/<execution>-<attempt>.json."""

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
