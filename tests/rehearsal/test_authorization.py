import json

import pytest
from botocore.exceptions import ClientError

from rehearsal.account.calls import OPERATOR, AwsError, Credentials
from rehearsal.account.cloud import ACCOUNT

DLQ = f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead-letters"


def refused(call, *arguments, **parameters) -> ClientError:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **parameters)
    return caught.value


def code_of(error: ClientError) -> tuple[str, int]:
    return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture(scope="module")
def queue_url(cloud):
    return cloud.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"]


@pytest.fixture(scope="module")
def bucket(cloud):
    """A bucket encrypted with a key of its own, holding one object."""
    key_arn = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="models")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn}}
    s3.put_bucket_encryption(Bucket="models", ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_object(Bucket="models", Key="there", Body=b"model")
    return key_arn


def test_a_role_may_do_what_its_policy_allows_and_the_journal_says_so(cloud, roles, allow, queue_url):
    role = roles.enter(allow("sqs:SendMessage", DLQ, Sid="Send"))
    cloud.client("sqs", role).send_message(QueueUrl=queue_url, MessageBody="x")
    call = cloud.journal.calls()[-1]
    assert (call.check.action, call.check.resource, call.via) == ("sqs:SendMessage", DLQ, "SendMessage")
    assert call.reason == f"allowed by {call.principal}-policy/Send"


def test_a_denied_call_of_a_json_service_is_refused_as_aws_refuses_it(cloud, roles, allow, queue_url):
    def waiting():
        names = ["ApproximateNumberOfMessages"]
        return cloud.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]

    before = waiting()
    role = roles.enter(allow("sqs:SendMessage", DLQ + "-of-another"))
    error = refused(cloud.client("sqs", role).send_message, QueueUrl=queue_url, MessageBody="x")
    assert code_of(error) == ("AccessDeniedException", 400)
    assert f"is not authorized to perform: sqs:SendMessage on resource: {DLQ}" in error.response["Error"]["Message"]
    call = cloud.journal.denied()[-1]
    assert (call.check.action, call.reason, call.allowed) == ("sqs:SendMessage", "no statement allows it", False)
    assert waiting() == before


def test_a_denied_call_of_s3_is_refused_in_s3s_own_words(cloud, roles, bucket):
    error = refused(cloud.client("s3", roles.enter()).get_object, Bucket="models", Key="there")
    assert code_of(error) == ("AccessDenied", 403)


def test_a_denied_head_has_no_body_but_its_status(cloud, roles, bucket):
    assert code_of(refused(cloud.client("s3", roles.enter()).head_object, Bucket="models", Key="there"))[1] == 403


def test_a_denied_call_of_a_query_service_is_refused_in_xml(cloud, roles):
    topic = cloud.client("sns").create_topic(Name="topic")["TopicArn"]
    error = refused(cloud.client("sns", roles.enter()).publish, TopicArn=topic, Message="x")
    assert code_of(error) == ("AccessDenied", 403)


def test_an_operation_without_a_row_is_refused_by_name_whatever_the_role_may(cloud, roles, allow):
    role = roles.enter(allow("*", "*"))
    error = refused(cloud.client("codebuild", role).list_builds)
    assert code_of(error)[0] == "AccessDeniedException"
    assert "authorization_rules.py has no row for codebuild:ListBuilds" in str(error)
    assert cloud.journal.denied()[-1].check.action == "codebuild:ListBuilds"


def test_the_operator_is_recorded_and_not_evaluated(cloud):
    cloud.client("codebuild").list_projects()
    call = cloud.journal.calls()[-1]
    assert (call.principal, call.check.action) == (OPERATOR, "codebuild:ListProjects")
    assert (call.allowed, call.reason) == (True, "not evaluated")


def test_a_key_that_nobody_gave_out_is_refused(cloud):
    stranger = Credentials(access_key_id="AKIA0000000000000000", secret_access_key="x", session_token="x")
    assert code_of(refused(cloud.client("sts", stranger).get_caller_identity)) == ("UnrecognizedClientException", 403)


def test_encrypted_objects_need_the_key_as_well(cloud, roles, allow, bucket):
    on_objects = allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::models/*")
    without = cloud.client("s3", roles.enter(on_objects))
    assert "kms:Decrypt" in str(refused(without.get_object, Bucket="models", Key="there"))
    assert "kms:GenerateDataKey" in str(refused(without.put_object, Bucket="models", Key="x", Body=b""))
    via_s3 = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    with_key = roles.enter(on_objects, allow(["kms:Decrypt", "kms:GenerateDataKey"], bucket, Condition=via_s3))
    assert cloud.client("s3", with_key).get_object(Bucket="models", Key="there")["Body"].read() == b"model"
    cloud.client("s3", with_key).put_object(Bucket="models", Key="x", Body=b"")


def test_a_role_that_may_not_list_cannot_tell_an_absent_object_from_a_forbidden_one(cloud, roles, allow, bucket):
    reading = allow("s3:GetObject", "arn:aws:s3:::models/*")
    blind = cloud.client("s3", roles.enter(reading))
    assert code_of(refused(blind.get_object, Bucket="models", Key="absent")) == ("AccessDenied", 403)
    seeing = cloud.client("s3", roles.enter(reading, allow("s3:ListBucket", "arn:aws:s3:::models")))
    assert code_of(refused(seeing.get_object, Bucket="models", Key="absent")) == ("NoSuchKey", 404)


def test_a_key_whose_own_policy_does_not_open_it_to_the_account_stays_closed(cloud, roles, allow):
    closed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]}
    closed["Statement"][0]["Principal"] = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/key-keeper"}
    key_arn = cloud.client("kms").create_key(Policy=json.dumps(closed))["KeyMetadata"]["Arn"]
    role = roles.create(allow("kms:Decrypt", key_arn))
    with pytest.raises(AwsError, match="kms:Decrypt"):
        cloud.check(role, "kms:Decrypt", key_arn, via="test")
    opened = {**closed["Statement"][0], "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    cloud.client("kms").put_key_policy(
        KeyId=key_arn, PolicyName="default", Policy=json.dumps({**closed, "Statement": [opened]})
    )
    cloud.check(role, "kms:Decrypt", key_arn, via="test")
    ungranted = roles.create()
    with pytest.raises(AwsError, match="no statement allows it"):
        cloud.check(ungranted, "kms:Decrypt", key_arn, via="test")


def test_a_key_whose_own_policy_names_a_role_needs_nothing_else(cloud, roles):
    role = roles.create()
    opened = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [opened]})
    key_arn = cloud.client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]
    cloud.check(role, "kms:Decrypt", key_arn, via="test")


def test_a_check_without_an_api_call_is_recorded_and_refused_alike(cloud, roles, allow):
    image = "arn:aws:ecr:us-east-1:683313688378:repository/sagemaker-scikit-learn"
    role = roles.create(allow("ecr:BatchGetImage", image))
    cloud.check(role, "ecr:BatchGetImage", image, via="image pull")
    with pytest.raises(AwsError) as caught:
        cloud.check(role, "ecr:GetDownloadUrlForLayer", image, via="image pull")
    assert caught.value.code == "AccessDeniedException"
    assert [call.via for call in cloud.journal.calls()[-2:]] == ["image pull", "image pull"]
    assert [call.allowed for call in cloud.journal.calls()[-2:]] == [True, False]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("aws:PrincipalAccount", ACCOUNT),
        ("aws:ResourceAccount", ACCOUNT),
        ("aws:RequestedRegion", "us-east-1"),
        ("aws:SecureTransport", "true"),
    ],
)
def test_every_question_carries_the_global_condition_keys(cloud, roles, allow, key, value):
    held = roles.create(allow("sns:Publish", "*", Condition={"StringEquals": {key: value}}))
    cloud.check(held, "sns:Publish", f"arn:aws:sns:us-east-1:{ACCOUNT}:topic", via="test")
    other = roles.create(allow("sns:Publish", "*", Condition={"StringEquals": {key: value + "-not"}}))
    with pytest.raises(AwsError):
        cloud.check(other, "sns:Publish", f"arn:aws:sns:us-east-1:{ACCOUNT}:topic", via="test")


def test_a_resource_of_another_account_is_known_as_such(cloud, roles, allow):
    ours_only = {"StringEquals": {"aws:ResourceAccount": ACCOUNT}}
    role = roles.create(allow("ecr:BatchGetImage", "*", Condition=ours_only))
    with pytest.raises(AwsError):
        cloud.check(role, "ecr:BatchGetImage", "arn:aws:ecr:us-east-1:683313688378:repository/x", via="test")


def test_inline_policies_count_like_attached_ones(cloud, roles):
    arn = roles.create()
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sns:*", "Resource": "*"}]}
    name = arn.rpartition("/")[2]
    cloud.client("iam").put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=json.dumps(document))
    cloud.check(arn, "sns:Publish", "*", via="test")
    assert cloud.journal.calls()[-1].reason == "allowed by inline/statement 1"


def test_only_the_default_version_of_a_policy_counts(cloud, roles, allow):
    arn = roles.create(allow("sns:Publish", "*"))
    iam = cloud.client("iam")
    policy_arn = iam.list_attached_role_policies(RoleName=arn.rpartition("/")[2])["AttachedPolicies"][0]["PolicyArn"]
    document = {"Version": "2012-10-17", "Statement": [allow("s3:GetObject", "*")]}
    iam.create_policy_version(PolicyArn=policy_arn, PolicyDocument=json.dumps(document), SetAsDefault=True)
    with pytest.raises(AwsError, match="no statement allows it"):
        cloud.check(arn, "sns:Publish", "*", via="test")


def test_a_permissions_boundary_is_not_passed_over(cloud, roles, allow):
    arn = roles.create(allow("sns:Publish", "*"))
    boundary = cloud.client("iam").create_policy(
        PolicyName="boundary",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:*", "*")]}),
    )["Policy"]["Arn"]
    name = arn.rpartition("/")[2]
    cloud.client("iam").put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
    with pytest.raises(ValueError, match="permissions boundaries are not modelled"):
        cloud.check(arn, "sns:Publish", "*", via="test")


def test_whoever_holds_credentials_may_ask_whose_they_are(cloud, roles):
    identity = cloud.client("sts", roles.enter()).get_caller_identity()
    assert ":assumed-role/role-" in identity["Arn"]
