"""The registry's event about one version, as EventBridge delivers it."""

from ml import registry
from ml.errors import InputError

SOURCE = "aws.sagemaker"
DETAIL_TYPE = "SageMaker Model Package State Change"


def package_arn(event: object) -> str:
    """Return the package that the event is about; whatever else it claims is read from the registry. Raises InputError.

    It may come several times and in any order (SageMaker developer guide), so nothing else in it can be relied on.
    """
    detail = event.get("detail") if isinstance(event, dict) else None
    if not isinstance(event, dict) or not isinstance(detail, dict):
        raise InputError("the event is neither a registry event nor a pipeline job. Invoke the function by its rule")
    if event.get("source") != SOURCE or event.get("detail-type") != DETAIL_TYPE:
        raise InputError(f"the event is not {SOURCE}'s {DETAIL_TYPE!r}. Invoke the function by its rule")
    return registry.parse_model_package_arn(detail.get("ModelPackageArn")).text
