"""What AWS says of a thing that is not there is known in each service's words, and nothing else is taken for it."""

import pytest

from ml.absence import is_gone
from tests.ml.operated_stack import refusal


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ValidationException", "ModelPackage arn:aws:sagemaker:x does not exist."),
        ("ValidationException", "Model Package Group Churn DOES NOT EXIST"),
        ("ValidationException", 'Could not find model "arn:aws:sagemaker:x".'),
        ("ObjectNotFoundException", "No scalable target found"),
    ],
)
def test_each_services_words_for_an_absent_thing_are_known(code: str, message: str) -> None:
    assert is_gone(refusal(code, message=message))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AccessDeniedException", "the policy that you asked for does not exist"),
        ("ThrottlingException", "Rate exceeded"),
        ("ValidationException", "1 validation error detected"),
        ("ValidationException", "Cannot delete a configuration that is in use"),
    ],
)
def test_any_other_refusal_is_no_absence(code: str, message: str) -> None:
    assert not is_gone(refusal(code, message=message))
