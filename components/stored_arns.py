"""ARNs of what one stack keeps in its model bucket, and of buckets and objects at all."""

from dataclasses import dataclass

from components.names import Names
from ml import contract


@dataclass(frozen=True, kw_only=True)
class StoredArns:
    """ARN patterns of what is written once and stays."""

    names: Names

    @property
    def model_archives(self) -> str:
        """Every stored model archive."""
        return self._kept(contract.MODELS_PREFIX)

    @property
    def registrations(self) -> str:
        """What the train build wrote down of each version in the group."""
        return self._kept(f"{contract.REGISTRATIONS_PREFIX}{self.names.model_package_group}/")

    @property
    def ledger(self) -> str:
        """The entries of the endpoint's ledger, in the model bucket."""
        return self._kept(f"{contract.LEDGER_PREFIX}{self.names.endpoint}/")

    @property
    def evaluations(self) -> str:
        """Every stored evaluation."""
        return self._kept(contract.EVALUATIONS_PREFIX)

    @property
    def reports(self) -> str:
        """Every stored report."""
        return self._kept(contract.REPORTS_PREFIX)

    def _kept(self, prefix: str) -> str:
        return f"{bucket_arn(self.names.model_bucket)}/{prefix}*"


def bucket_arn(bucket: str) -> str:
    """Return the ARN of a bucket."""
    return f"arn:aws:s3:::{bucket}"


def object_arn(uri: str) -> str:
    """Return the ARN of the object at s3://bucket/key."""
    return f"arn:aws:s3:::{uri.removeprefix('s3://')}"
