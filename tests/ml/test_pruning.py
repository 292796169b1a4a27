"""What may go: never what serves, never the way back, and everything that came to nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from ml import pruning
from ml.pruning import Config, Inventory
from tests.ml.hosting_account import HostingAccount, release

START = datetime(2026, 1, 1, tzinfo=UTC)


def configs(*names: str) -> list[Config]:
    """Configurations ("v1-a": model v1), made in this order."""
    return [Config(name=name, created=START + timedelta(hours=n)) for n, name in enumerate(names)]


def test_the_newest_configurations_of_the_last_models_are_kept() -> None:
    made = configs("v1-a", "v2-a", "v2-b", "v3-a", "v4-a")

    assert pruning.kept(made, "v4-a", 3) == {"v4-a", "v3-a", "v2-b"}
    assert pruning.kept(made, "v4-a", 2) == {"v4-a", "v3-a"}
    assert pruning.kept(made, "v4-a", 9) == {"v4-a", "v3-a", "v2-b", "v1-a"}


def test_what_serves_is_kept_however_old_it_is_and_counts() -> None:
    made = configs("v1-a", "v2-a", "v3-a", "v4-a")

    assert pruning.kept(made, "v1-a", 2) == {"v1-a", "v4-a"}
    assert pruning.kept(configs("v1-a", "v1-b"), "v1-a", 2) == {"v1-a"}


@given(
    order=st.lists(st.tuples(st.integers(1, 6), st.sampled_from("abc")), unique=True, min_size=1, max_size=15),
    serving=st.data(),
    versions=st.integers(2, 20),
)
def test_what_serves_is_kept_and_never_more_than_was_asked_for(order: Any, serving: Any, versions: int) -> None:
    made = configs(*(f"v{model}-{unique}" for model, unique in order))
    chosen = serving.draw(st.sampled_from(made)).name
    keep = pruning.kept(made, chosen, versions)

    assert chosen in keep
    assert len(keep) == min(versions, len({config.model for config in made}))


def test_newer_than_what_serves_means_that_it_came_to_nothing_but_for_our_own() -> None:
    own = release(2).config_name
    made = configs("v1-a", "v2-a", "v3-a", own)

    assert pruning.unfinished(made, made[1], release(2)) == {"v3-a"}
    assert pruning.unfinished(made, made[3], release(2)) == set()


def test_what_served_before_is_the_newest_older_one() -> None:
    made = configs("v1-a", "v2-a", "v3-a", "v4-a")

    assert pruning.previous(reversed(made), made[2]) == "v2-a"
    assert pruning.previous(made, made[0]) is None


def test_a_model_goes_with_its_last_configuration_but_for_the_one_that_is_needed() -> None:
    inventory = Inventory(configs=configs("v1-a", "v2-a", "v2-b"), models=["v1", "v2", "v3", "v4"])

    assert pruning.unused_models(inventory, {"v1-a", "v2-a"}, also_needed="v4") == ["v1", "v3"]
    assert pruning.unused_models(inventory, {"v2-a", "v2-b"}, also_needed="") == ["v2", "v3", "v4"]


# --- doing it


@pytest.fixture
def account(check_request: Any) -> HostingAccount:
    return HostingAccount(check_request)


def test_another_endpoints_things_are_none_of_ours(account: HostingAccount) -> None:
    account.run(release(1))
    for foreign in ("mle-004-churn-prod--v1-12345678", "a-mle-004-churn--v1-12345678"):
        account.models[foreign] = {**next(iter(account.models.values()))}
        account.configs[f"{foreign}-12345678"] = {**next(iter(account.configs.values()))}
    for version in (2, 3, 4):
        account.run(release(version, keep_versions="2"))

    ours = [name for name in account.models if name.startswith("mle-004-churn--")]
    assert len(ours) == 2
    assert {"mle-004-churn-prod--v1-12345678", "a-mle-004-churn--v1-12345678"} < set(account.models)
    assert len(account.configs) == 4


def test_somebody_elses_removal_is_no_error_but_a_refusal_is(account: HostingAccount) -> None:
    account.run(release(1))
    absent = ClientError({"Error": {"Code": "ValidationException", "Message": "Could not find model"}}, "DeleteModel")
    refused = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DeleteModel")

    for error in (absent, refused):

        def delete(ModelName: str, error: ClientError = error) -> None:
            raise error

        account._delete_model = delete  # type: ignore[method-assign]
        account.endpoint = None
        if error is absent:
            pruning.discard(account.clients.sagemaker, release(1), lambda text: None)
        else:
            with pytest.raises(ClientError, match="AccessDenied"):
                pruning.discard(account.clients.sagemaker, release(1), lambda text: None)


def test_a_discarded_release_leaves_the_model_that_another_configuration_serves(account: HostingAccount) -> None:
    account.run(release(1))
    config = account.run(release(1, execution="another", instance_type="ml.c5.large"))
    account.run(release(2))
    pruning.discard(
        account.clients.sagemaker, release(1, execution="third", instance_type="ml.c4.large"), lambda text: None
    )

    assert config in account.configs
    assert release(1).model_name in account.models
