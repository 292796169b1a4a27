"""ARNs of what the training jobs of one stack are, get, leave and print, computed from its names."""

from dataclasses import dataclass

from components.names import Names
from components.stored_arns import bucket_arn
from ml import contract


@dataclass(frozen=True, kw_only=True)
class TrainingArns:
    """ARN patterns; all but the inputs hold the name that every job of the stack begins with."""

    names: Names

    @property
    def jobs(self) -> str:
        """Every training job that the train build may start."""
        return f"arn:aws:sagemaker:{self.names.region}:{self.names.account}:training-job/{self._own}"

    @property
    def inputs(self) -> str:
        """What training jobs get, in the model bucket."""
        return f"{bucket_arn(self.names.model_bucket)}/{contract.TRAINING_INPUTS_PREFIX}*"

    @property
    def results(self) -> str:
        """What training jobs leave, in the model bucket."""
        return f"{bucket_arn(self.names.model_bucket)}/{contract.TRAINING_JOBS_PREFIX}{self._own}"

    @property
    def log_streams(self) -> str:
        """What training jobs print, in the group of all jobs of the account."""
        group = f"arn:aws:logs:{self.names.region}:{self.names.account}:log-group:{contract.TRAINING_LOG_GROUP}"
        return f"{group}:log-stream:{self._own}"

    @property
    def _own(self) -> str:
        return f"{self.names.endpoint}{contract.VERSION_SEPARATOR}*"
