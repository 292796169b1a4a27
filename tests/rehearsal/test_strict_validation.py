import pytest
from botocore.exceptions import ClientError

GROUP = "ChurnPredictionModels"
METADATA = "CustomerMetadataProperties"


def refused(call, **parameters) -> str:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    assert caught.value.response["Error"]["Code"] in ("ValidationException", "ValidationError")
    return caught.value.response["Error"]["Message"]


@pytest.fixture(scope="module")
def sagemaker(cloud):
    client = cloud.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName=GROUP)
    return client


@pytest.mark.parametrize("name", ["bad_name!", "-churn", "churn-", "a" * 64])
def test_a_name_must_fit_the_pattern_of_the_service(sagemaker, name):
    message = refused(sagemaker.create_model_package_group, ModelPackageGroupName=name)
    assert f"Value '{name}' at 'modelPackageGroupName'".lower() in message.lower()
    assert "Member must" in message


def test_a_pattern_is_for_the_whole_value(sagemaker):
    assert "pattern" in refused(sagemaker.describe_model, ModelName="churn model")
    assert "Could not find model" in refused(sagemaker.describe_model, ModelName="churn-model")


@pytest.mark.parametrize("value", ["accuracy > 0.9", "90%", "a,b", '{"a":1}', "(x)", "#1"])
def test_customer_metadata_takes_no_punctuation_beyond_its_pattern(sagemaker, value):
    message = refused(
        sagemaker.create_model_package, ModelPackageGroupName=GROUP, CustomerMetadataProperties={"a": value}
    )
    assert f"at '{METADATA}.a'" in message


def test_customer_metadata_takes_letters_of_any_alphabet(sagemaker):
    plain = {"metric_accuracy": "0.93", "Übergröße": "Zoë 1/2 = a+b@c-d_e:f", "データ": "日本語"}
    arn = sagemaker.create_model_package(ModelPackageGroupName=GROUP, CustomerMetadataProperties=plain)[
        "ModelPackageArn"
    ]
    assert sagemaker.describe_model_package(ModelPackageName=arn)[METADATA] == plain


def test_metadata_has_at_most_fifty_pairs(sagemaker):
    many = {f"key{number}": "x" for number in range(51)}
    message = refused(sagemaker.create_model_package, ModelPackageGroupName=GROUP, CustomerMetadataProperties=many)
    assert "length less than or equal to 50" in message


def test_an_enumeration_is_closed(sagemaker):
    message = refused(sagemaker.create_model_package, ModelPackageGroupName=GROUP, ModelApprovalStatus="Accepted")
    assert "enum value set: [Approved, Rejected, PendingManualApproval]" in message


def test_a_number_has_its_range_and_every_fault_is_named(sagemaker):
    serverless = {"MemorySizeInMB": 6145, "MaxConcurrency": 201}
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "m",
        "InstanceType": "ml.m5.tiny",
        "ServerlessConfig": serverless,
    }
    message = refused(sagemaker.create_endpoint_config, EndpointConfigName="c", ProductionVariants=[variant])
    assert message.startswith("3 validation errors detected: ")
    place = "at 'ProductionVariants.1.member"
    assert f"Value 201 {place}.ServerlessConfig.MaxConcurrency'" in message
    assert "Member must have value less than or equal to 200" in message
    assert f"Value 6145 {place}.ServerlessConfig.MemorySizeInMB'" in message
    assert f"Value 'ml.m5.tiny' {place}.InstanceType'" in message


def test_a_list_has_its_length(cloud):
    many = [f"train-model:{number}" for number in range(101)]
    assert "length less than or equal to 100" in refused(cloud.client("codebuild").batch_get_builds, ids=many)


def test_query_services_call_it_a_validation_error(cloud):
    assert "pattern" in refused(cloud.client("iam").get_role, RoleName="no spaces here")


def test_s3_has_no_rules_in_its_model_and_is_left_alone(cloud):
    cloud.client("s3").create_bucket(Bucket="models")
    cloud.client("s3").put_object(Bucket="models", Key="ä b%", Body=b"x" * 100_000)
    assert [found["Key"] for found in cloud.client("s3").list_objects_v2(Bucket="models")["Contents"]] == ["ä b%"]
