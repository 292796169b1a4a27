"""The program's explicit AWS provider: whose account it accepts, and that its tags reach everything that takes tags."""

import importlib
import inspect
import re
from typing import Any

import pytest

from rehearsal.account.cloud import Cloud
from rehearsal.provision.maker import TYPES
from rehearsal.provision.resource_types import ProvisionError
from tests.rehearsal.stack_account import Stacks, trust

PROVIDER = 'here = aws.Provider("here", region="us-east-1", default_tags={"tags": {"project": "p", "stack": "dev"}})\n'
WITH = "pulumi.ResourceOptions(provider=here)"


def tags_of_bucket(cloud: Cloud, bucket: str) -> dict[str, str]:
    tags = cloud.client("s3").get_bucket_tagging(Bucket=bucket)["TagSet"]
    return {tag["Key"]: tag["Value"] for tag in tags}


def test_a_providers_tags_are_on_what_it_makes(stacks: Stacks, cloud: Cloud) -> None:
    stacks.up(f'{PROVIDER}aws.s3.Bucket("b", bucket="tagged", opts={WITH})')
    assert tags_of_bucket(cloud, "tagged") == {"project": "p", "stack": "dev"}


def test_children_get_the_tags_of_their_components_provider(stacks: Stacks, cloud: Cloud) -> None:
    stacks.up(
        f"{PROVIDER}opts = pulumi.ResourceOptions(providers=[here])\n"
        'part = pulumi.ComponentResource("x:y:Part", "part", opts=opts)\n'
        'aws.s3.Bucket("b", bucket="inherited", opts=pulumi.ResourceOptions(parent=part))\n'
    )
    assert tags_of_bucket(cloud, "inherited") == {"project": "p", "stack": "dev"}


def test_a_tag_of_the_resources_own_wins(stacks: Stacks, cloud: Cloud) -> None:
    stacks.up(f'{PROVIDER}aws.s3.Bucket("b", bucket="own", tags={{"stack": "mine", "more": "1"}}, opts={WITH})')
    assert tags_of_bucket(cloud, "own") == {"project": "p", "stack": "mine", "more": "1"}


def test_what_is_made_without_the_provider_has_none_of_its_tags(stacks: Stacks, cloud: Cloud) -> None:
    stacks.up(f'{PROVIDER}aws.s3.Bucket("b", bucket="plain", tags={{"a": "1"}})')
    assert tags_of_bucket(cloud, "plain") == {"a": "1"}


def test_a_type_without_tags_gets_none(stacks: Stacks, cloud: Cloud) -> None:
    stacks.up(
        f'{PROVIDER}role = aws.iam.Role("r", name="r", assume_role_policy={trust("x.amazonaws.com")!r}, opts={WITH})\n'
        f'bucket = aws.s3.Bucket("b", bucket="side", opts={WITH})\n'
        f'aws.s3.BucketPublicAccessBlock("p", bucket=bucket.bucket, block_public_acls=True, opts={WITH})\n'
    )
    tags = {tag["Key"] for tag in cloud.client("iam").list_role_tags(RoleName="r")["Tags"]}
    assert tags == {"project", "stack"}


def _class_of(type_token: str) -> Any:
    _, place, name = type_token.split(":")
    module = place.split("/")[0]
    return getattr(importlib.import_module(f"pulumi_aws.{'lambda_' if module == 'lambda' else module}"), name)


@pytest.mark.parametrize("type_token", sorted(TYPES))
def test_exactly_what_takes_tags_in_the_provider_takes_them_here(type_token: str) -> None:
    takes = "tags" in inspect.signature(_class_of(type_token)._internal_init).parameters
    assert TYPES[type_token].taggable is takes


@pytest.mark.parametrize("type_token", sorted(TYPES))
def test_every_property_that_may_change_is_one_of_the_providers(type_token: str) -> None:
    known = inspect.signature(_class_of(type_token)._internal_init).parameters
    snake = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in TYPES[type_token].updatable}
    assert snake - set(known) == set()


@pytest.mark.parametrize(
    ("accounts", "accepted"),
    [
        ('allowed_account_ids=["123456789012"]', True),
        ('allowed_account_ids=["999999999999", "123456789012"]', True),
        ('allowed_account_ids=["999999999999"]', False),
        ('forbidden_account_ids=["123456789012"]', False),
    ],
)
def test_a_provider_works_only_in_the_accounts_that_it_allows(stacks: Stacks, accounts: str, accepted: bool) -> None:
    text = f'aws.Provider("here", region="us-east-1", profile="work", {accounts})'
    if accepted:
        stacks.up(text)
        return
    with pytest.raises(ProvisionError, match=r"pulumi:providers:aws 'here': AWS account ID not allowed: 123456789012"):
        stacks.up(text)


@pytest.mark.parametrize(
    ("text", "unknown"),
    [("max_retries=3", "maxRetries"), ('default_tags={"tags": {}, "tagss": {}}', "defaultTags.tagss")],
)
def test_a_property_of_the_provider_that_nobody_reads_is_refused(stacks: Stacks, text: str, unknown: str) -> None:
    with pytest.raises(ProvisionError, match=f"nothing here understands {unknown} of a provider"):
        stacks.up(f'aws.Provider("here", region="us-east-1", {text})')
