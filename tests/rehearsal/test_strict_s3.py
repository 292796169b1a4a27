import json

import pytest
from botocore.exceptions import ClientError

ARNS = ["arn:aws:s3:::models", "arn:aws:s3:::models/*"]


def code_of(call, **parameters) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture(scope="module")
def s3(cloud):
    client = cloud.client("s3")
    client.create_bucket(Bucket="models")
    client.put_object(Bucket="models", Key="there", Body=b"model")
    return client


@pytest.fixture
def put_policy(s3):
    def put(*statements):
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        s3.put_bucket_policy(Bucket="models", Policy=json.dumps(document))

    yield put
    s3.delete_bucket_policy(Bucket="models")


def deny(action="s3:*", **more):
    return {"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": action, "Resource": ARNS, **more}


def test_a_policy_against_plain_http_does_not_close_the_bucket(cloud, roles, allow, s3, put_policy):
    put_policy(deny(Condition={"Bool": {"aws:SecureTransport": "false"}}))
    reader = cloud.client("s3", roles.enter(allow("s3:GetObject", "arn:aws:s3:::models/*")))
    assert reader.get_object(Bucket="models", Key="there")["Body"].read() == b"model"


def test_a_policy_that_demands_write_once_decides_over_the_roles_own(cloud, roles, allow, s3, put_policy):
    put_policy(deny("s3:PutObject", Condition={"Null": {"s3:if-none-match": "true"}}))
    writer = cloud.client("s3", roles.enter(allow("s3:PutObject", "arn:aws:s3:::models/*")))
    assert code_of(writer.put_object, Bucket="models", Key="new", Body=b"") == ("AccessDenied", 403)
    assert cloud.journal.denied()[-1].reason == "denied by policy of models/No"
    writer.put_object(Bucket="models", Key="new", Body=b"", IfNoneMatch="*")


def test_a_bucket_policy_may_allow_a_role_that_has_no_policy(cloud, roles, s3, put_policy):
    role = roles.create()
    put_policy({**deny("s3:GetObject"), "Effect": "Allow", "Principal": {"AWS": role}})
    service = "codebuild.amazonaws.com"
    reader = cloud.client("s3", cloud.assume(role, service, source_arn="-", session="s"))
    reader.get_object(Bucket="models", Key="there")
    assert cloud.journal.calls()[-1].reason == "allowed by policy of models/No"
    assert code_of(cloud.client("s3", roles.enter()).get_object, Bucket="models", Key="there")[1] == 403


def test_where_both_allow_the_roles_own_policy_counts_as_the_one_that_was_needed(cloud, roles, allow, s3, put_policy):
    put_policy({**deny("s3:GetObject"), "Effect": "Allow"})
    role = roles.enter(allow("s3:GetObject", "arn:aws:s3:::models/*", Sid="Own"))
    cloud.client("s3", role).get_object(Bucket="models", Key="there")
    assert cloud.journal.calls()[-1].reason.endswith("-policy/Own")


def test_a_policy_is_kept_as_written_until_it_is_deleted(s3):
    text = json.dumps({"Version": "2012-10-17", "Statement": [deny()]})
    s3.put_bucket_policy(Bucket="models", Policy=text)
    assert s3.get_bucket_policy(Bucket="models")["Policy"] == text
    s3.delete_bucket_policy(Bucket="models")
    assert code_of(s3.get_bucket_policy, Bucket="models") == ("NoSuchBucketPolicy", 404)


def test_a_policy_needs_a_bucket_and_json(s3):
    assert code_of(s3.put_bucket_policy, Bucket="absent", Policy="{}") == ("NoSuchBucket", 404)
    assert code_of(s3.put_bucket_policy, Bucket="models", Policy="{") == ("MalformedPolicy", 400)


def test_a_bucket_that_blocks_public_policies_takes_none(s3):
    s3.create_bucket(Bucket="private")
    everyone = {**deny("s3:GetObject"), "Effect": "Allow", "Resource": "arn:aws:s3:::private/*"}
    public = json.dumps({"Version": "2012-10-17", "Statement": [everyone]})
    s3.put_bucket_policy(Bucket="private", Policy=public)
    s3.put_public_access_block(Bucket="private", PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
    assert code_of(s3.put_bucket_policy, Bucket="private", Policy=public) == ("AccessDenied", 403)
    s3.put_bucket_policy(Bucket="private", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny()]}))


def test_an_absent_bucket_is_absent_for_roles_too(cloud, roles, allow):
    role = roles.enter(allow(["s3:GetObject", "s3:ListBucket"], "*"))
    assert code_of(cloud.client("s3", role).get_object, Bucket="absent", Key="k") == ("NoSuchBucket", 404)


def test_a_conditional_put_writes_once(s3):
    s3.put_object(Bucket="models", Key="once", Body=b"first", IfNoneMatch="*")
    assert code_of(s3.put_object, Bucket="models", Key="once", Body=b"second", IfNoneMatch="*") == (
        "PreconditionFailed",
        412,
    )
    assert s3.get_object(Bucket="models", Key="once")["Body"].read() == b"first"


def test_a_key_may_be_named_by_its_alias(cloud, roles, allow, s3):
    key_arn = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    cloud.client("kms").create_alias(AliasName="alias/mle-004", TargetKeyId=key_arn)
    s3.create_bucket(Bucket="aliased")
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/mle-004"}
    s3.put_bucket_encryption(
        Bucket="aliased",
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": default}]},
    )
    writer = cloud.client("s3", roles.enter(allow("s3:PutObject", "*"), allow("kms:GenerateDataKey", key_arn)))
    writer.put_object(Bucket="aliased", Key="k", Body=b"")
    assert [call.check.resource for call in cloud.journal.calls()[-2:]] == ["arn:aws:s3:::aliased/k", key_arn]


@pytest.mark.parametrize("algorithm", ["AES256", "aws:kms"])
def test_a_bucket_without_a_key_of_its_own_asks_for_none(cloud, roles, allow, s3, algorithm):
    name = f"plain-{algorithm[:3].lower()}"
    s3.create_bucket(Bucket=name)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    cloud.client("s3", roles.enter(allow("s3:PutObject", "*"))).put_object(Bucket=name, Key="k", Body=b"")
    assert cloud.journal.calls()[-1].check.action == "s3:PutObject"
