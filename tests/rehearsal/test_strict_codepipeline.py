import json

import pytest
from botocore.exceptions import ClientError

SOURCE = {"category": "Source", "owner": "AWS", "provider": "CodeCommit", "version": "1"}


@pytest.fixture(scope="module")
def codepipeline(cloud):
    return cloud.client("codepipeline")


@pytest.fixture
def role(roles):
    return roles.create(service="codepipeline.amazonaws.com")


def declaration(name, role):
    action = {"name": "Source", "actionTypeId": SOURCE, "outputArtifacts": [{"name": "SourceArtifact"}]}
    return {
        "name": name,
        "roleArn": role,
        "artifactStore": {"type": "S3", "location": "artifacts"},
        "stages": [{"name": "Source", "actions": [action]}, {"name": "Build", "actions": [action]}],
    }


def test_a_role_may_trust_several_services(cloud, codepipeline, role):
    services = ["codebuild.amazonaws.com", "codepipeline.amazonaws.com"]
    statement = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}
    cloud.client("iam").update_assume_role_policy(
        RoleName=role.rpartition("/")[2],
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    codepipeline.create_pipeline(pipeline=declaration("listed", role))
    assert codepipeline.get_pipeline(name="listed")["pipeline"]["roleArn"] == role


def test_codepipeline_must_be_able_to_assume_the_pipelines_role(codepipeline, roles, role):
    for foreign in (roles.create(service="lambda.amazonaws.com"), role + "-absent"):
        with pytest.raises(
            codepipeline.exceptions.InvalidStructureException, match="not authorized to perform AssumeRole"
        ):
            codepipeline.create_pipeline(pipeline=declaration("foreign", foreign))


def test_a_declaration_is_shown_with_its_defaults_and_its_arn(codepipeline, role):
    codepipeline.create_pipeline(pipeline=declaration("shown", role))
    shown = codepipeline.get_pipeline(name="shown")
    assert shown["metadata"]["pipelineArn"] == "arn:aws:codepipeline:us-east-1:123456789012:shown"
    assert (shown["pipeline"]["version"], shown["pipeline"]["executionMode"]) == (1, "SUPERSEDED")
    action = shown["pipeline"]["stages"][0]["actions"][0]
    assert (action["runOrder"], action["configuration"], action["inputArtifacts"]) == (1, {}, [])
    assert action["outputArtifacts"] == [{"name": "SourceArtifact"}]


def test_a_pipeline_is_not_made_twice_and_an_absent_one_is_not_shown(codepipeline, role):
    codepipeline.create_pipeline(pipeline=declaration("twice", role))
    with pytest.raises(codepipeline.exceptions.PipelineNameInUseException):
        codepipeline.create_pipeline(pipeline=declaration("twice", role))
    with pytest.raises(ClientError, match="PipelineNotFoundException"):
        codepipeline.get_pipeline(name="absent")


def test_every_pipeline_is_listed(codepipeline, role):
    codepipeline.create_pipeline(pipeline=declaration("among-others", role))
    listed = {each["name"]: each for each in codepipeline.list_pipelines()["pipelines"]}
    assert listed["among-others"]["pipelineType"] == "V1"
    with pytest.raises(ClientError, match="not emulated: ListPipelines with maxResults"):
        codepipeline.list_pipelines(maxResults=1)
