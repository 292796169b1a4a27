import itertools

import pytest
from botocore.exceptions import ClientError

GROUP = "ChurnPredictionModels"
VARIANT = {"VariantName": "AllTraffic", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


def refused(call, **parameters) -> str:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    return caught.value.response["Error"]["Message"]


@pytest.fixture(scope="module")
def sagemaker(cloud):
    client = cloud.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName=GROUP)
    return client


@pytest.fixture(scope="module")
def role(roles):
    return roles.create(service="sagemaker.amazonaws.com")


@pytest.fixture(scope="module")
def package(sagemaker):
    def create(status: str) -> str:
        created = sagemaker.create_model_package(ModelPackageGroupName=GROUP, ModelApprovalStatus=status)
        return created["ModelPackageArn"]

    return create


@pytest.fixture(scope="module")
def names():
    return (f"mle-004-churn--{number}" for number in itertools.count(1))


@pytest.fixture
def model(sagemaker, role, package, names):
    """Parameters of a CreateModel that SageMaker accepts."""
    containers = [{"ModelPackageName": package("Approved")}]
    return {"ModelName": next(names), "ExecutionRoleArn": role, "Containers": containers}


def test_a_model_of_an_approved_package_is_made_and_shown_as_it_was_made(sagemaker, model):
    arn = sagemaker.create_model(**model, EnableNetworkIsolation=True)["ModelArn"]
    shown = sagemaker.describe_model(ModelName=model["ModelName"])
    assert {name: shown[name] for name in model} == model
    assert (shown["ModelArn"], shown["EnableNetworkIsolation"]) == (arn, True)
    assert not {"PrimaryContainer", "VpcConfig"} & set(shown)


@pytest.mark.parametrize("status", ["PendingManualApproval", "Rejected"])
def test_a_package_must_be_approved_to_become_a_model(sagemaker, model, package, status):
    containers = [{"ModelPackageName": package(status)}]
    assert status in refused(sagemaker.create_model, **{**model, "Containers": containers})
    primary = {**model, "PrimaryContainer": containers[0]}
    del primary["Containers"]
    assert status in refused(sagemaker.create_model, **primary)


def test_a_package_must_exist_to_become_a_model(sagemaker, model):
    absent = {"ModelPackageName": model["Containers"][0]["ModelPackageName"] + "9"}
    assert "does not exist" in refused(sagemaker.create_model, **{**model, "Containers": [absent]})


def test_a_model_is_not_made_twice(sagemaker, model):
    sagemaker.create_model(**model)
    message = refused(sagemaker.create_model, **model)
    assert message.startswith("Cannot create already existing model")
    sagemaker.delete_model(ModelName=model["ModelName"])
    sagemaker.create_model(**model)


def test_a_model_has_one_container_or_a_list_of_them(sagemaker, model):
    container = model["Containers"][0]
    assert "Exactly one" in refused(sagemaker.create_model, **model, PrimaryContainer=container)
    assert "Exactly one" in refused(
        sagemaker.create_model, ModelName=model["ModelName"], ExecutionRoleArn=model["ExecutionRoleArn"]
    )


def test_sagemaker_must_be_able_to_assume_the_models_role(sagemaker, model, roles):
    for role in (roles.create(service="lambda.amazonaws.com"), model["ExecutionRoleArn"] + "-absent"):
        message = refused(sagemaker.create_model, **{**model, "ExecutionRoleArn": role})
        assert message.startswith(f"Could not assume role {role}.")


def test_an_endpoint_configuration_is_of_a_model_and_is_not_made_twice(sagemaker, model):
    variant = {**VARIANT, "ModelName": model["ModelName"]}
    config = {"EndpointConfigName": model["ModelName"], "ProductionVariants": [variant]}
    assert "Could not find model" in refused(sagemaker.create_endpoint_config, **config)
    sagemaker.create_model(**model)
    sagemaker.create_endpoint_config(**config)
    assert refused(sagemaker.create_endpoint_config, **config).startswith(
        "Cannot create already existing endpoint configuration"
    )
    sagemaker.delete_endpoint_config(EndpointConfigName=config["EndpointConfigName"])
    sagemaker.create_endpoint_config(**config)
    shown = sagemaker.describe_endpoint_config(EndpointConfigName=config["EndpointConfigName"])
    assert shown["ProductionVariants"][0]["ModelName"] == model["ModelName"]


# --- variants


def config(model, **variant) -> dict:
    variants = [{"VariantName": "AllTraffic", "ModelName": model["ModelName"], **variant}]
    return {"EndpointConfigName": model["ModelName"], "ProductionVariants": variants}


SERVERLESS = {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}
MACHINES = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ({**SERVERLESS, **MACHINES}, "either a ServerlessConfig or an InstanceType"),
        ({}, "either a ServerlessConfig or an InstanceType"),
        ({**SERVERLESS, "InitialInstanceCount": 1}, "has no InitialInstanceCount"),
    ],
)
def test_a_variant_has_instances_or_is_serverless(sagemaker, model, variant, message):
    sagemaker.create_model(**model)
    assert message in refused(sagemaker.create_endpoint_config, **config(model, **variant))


def test_a_serverless_variant_is_of_a_model_without_network_isolation(sagemaker, model):
    """SageMaker developer guide, "Deploy models with serverless inference": feature exclusions."""
    sagemaker.create_model(**model, EnableNetworkIsolation=True)
    assert "network isolation" in refused(sagemaker.create_endpoint_config, **config(model, **SERVERLESS))
    sagemaker.create_endpoint_config(**config(model, **MACHINES))


@pytest.mark.parametrize("size", [{"MemorySizeInMB": 2000}, {"MemorySizeInMB": 7168}, {"MaxConcurrency": 201}])
def test_a_serverless_variant_has_one_of_the_sizes(sagemaker, model, size):
    """API reference, ProductionVariantServerlessConfig."""
    sagemaker.create_model(**model)
    serverless = {"ServerlessConfig": {**SERVERLESS["ServerlessConfig"], **size}}
    [limited] = size
    assert limited in refused(sagemaker.create_endpoint_config, **config(model, **serverless))
    sagemaker.create_endpoint_config(**config(model, **SERVERLESS))


def test_every_instance_type_of_the_service_is_known_and_no_other(sagemaker, model):
    """ProductionVariantInstanceType in the API model; moto has an older list of its own."""
    sagemaker.create_model(**model)
    assert "enum" in refused(sagemaker.create_endpoint_config, **config(model, **MACHINES | {"InstanceType": "ml.x"}))
    sagemaker.create_endpoint_config(**config(model, **MACHINES | {"InstanceType": "ml.m6i.large"}))


# --- lists


@pytest.mark.parametrize(
    ("operation", "key", "name"),
    [("list_models", "Models", "ModelName"), ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName")],
)
def test_lists_are_filtered_and_come_in_pages_newest_first(sagemaker, package, role, operation, key, name):
    """API reference, ListModels and ListEndpointConfigs; moto lists every model, on one page."""
    containers = [{"ModelPackageName": package("Approved")}]
    names = [f"{operation.replace('_', '-')}--{number}" for number in range(12)]
    for each in names:
        sagemaker.create_model(ModelName=each, ExecutionRoleArn=role, Containers=containers)
        sagemaker.create_endpoint_config(**config({"ModelName": each}, **MACHINES))
    listed = getattr(sagemaker, operation)
    first = listed(NameContains=names[0][:-1].upper())
    rest = listed(NameContains=names[0][:-1], NextToken=first["NextToken"])

    assert [each[name] for each in first[key] + rest[key]] == names[::-1]
    assert len(first[key]) == 10
    assert "NextToken" not in rest
    assert len(listed(NameContains=names[0][:-1], MaxResults=100)[key]) == 12
    with pytest.raises(ClientError, match="not emulated: a list by SortBy"):
        listed(SortBy="Name")
