import pytest
from botocore.exceptions import ClientError

KEY = "arn:aws:kms:us-east-1:123456789012:key/1"


@pytest.fixture(scope="module")
def codebuild(cloud):
    return cloud.client("codebuild")


@pytest.fixture
def project(roles):
    """Parameters of a project that lives in a pipeline."""
    return {
        "serviceRole": roles.create(service="codebuild.amazonaws.com"),
        "source": {"type": "CODEPIPELINE", "buildspec": "buildspecs/buildspec-train.yml"},
        "artifacts": {"type": "CODEPIPELINE"},
        "environment": {
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": [{"name": "USE_CASE", "value": "churn", "type": "PLAINTEXT"}],
        },
    }


def refused(codebuild, **parameters) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        codebuild.create_project(**parameters)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def test_a_project_in_a_pipeline_needs_no_location_and_keeps_what_it_was_given(codebuild, project):
    given = {**project, "name": "train", "encryptionKey": KEY, "timeoutInMinutes": 30}
    made = codebuild.create_project(**given)["project"]
    found = codebuild.batch_get_projects(names=["train", "absent"])
    assert found["projects"] == [made]
    assert found["projectsNotFound"] == ["absent"]
    assert {name: made[name] for name in given} == given
    assert made["arn"] == "arn:aws:codebuild:us-east-1:123456789012:project/train"


def test_a_project_is_not_made_twice(codebuild, project):
    codebuild.create_project(name="twice", **project)
    assert refused(codebuild, name="twice", **project)[0] == "ResourceAlreadyExistsException"


def test_codebuild_must_be_able_to_assume_the_projects_role(codebuild, project, roles):
    for role in (roles.create(service="lambda.amazonaws.com"), project["serviceRole"] + "-absent"):
        code, message = refused(codebuild, name="foreign", **{**project, "serviceRole": role})
        assert code == "InvalidInputException"
        assert message == f"CodeBuild is not authorized to perform: sts:AssumeRole on {role}"


def test_source_and_artifacts_go_through_the_pipeline_both_or_not_at_all(codebuild, project):
    half = {**project, "artifacts": {"type": "NO_ARTIFACTS"}}
    assert "does not go with artifacts type" in refused(codebuild, name="half", **half)[1]


def test_a_source_of_its_own_needs_a_location(codebuild, project):
    own = {**project, "source": {"type": "CODECOMMIT"}, "artifacts": {"type": "NO_ARTIFACTS"}}
    assert "location is required" in refused(codebuild, name="own", **own)[1]
    located = {**own, "source": {"type": "CODECOMMIT", "location": "https://git"}}
    codebuild.create_project(name="located", **located)


def test_the_model_of_codebuild_is_enforced(codebuild, project):
    environment = {**project["environment"], "computeType": "BUILD_GENERAL1_TINY"}
    code, message = refused(codebuild, name="tiny", **{**project, "environment": environment})
    assert (code, "environment.computeType" in message) == ("ValidationException", True)
