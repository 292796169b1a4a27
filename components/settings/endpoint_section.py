"""Read the settings of the endpoint, by its kind: which keys it has, and what does not go together."""

from components.settings import instance_types, rules
from components.settings.choices import EndpointSettings
from components.settings.section import Section
from ml import contract

DEFAULT_INSTANCE_TYPE = "ml.m5.large"
INSTANCE_COUNT_MOST = 100

SERVERLESS_MEMORY_MB = tuple(range(1024, 6145, 1024))
SERVERLESS_CONCURRENCY = (1, 200)
"""ProductionVariantServerlessConfig in SageMaker's API model."""

BAKE_SECONDS = (0, 3600)
"""TerminationWaitInSeconds and WaitIntervalInSeconds in SageMaker's API model."""

WATCH_SECONDS_MOST = 3 * 3600
"""An update may be watched so long, and its way back again, before the eight hours of a build action end."""

KEEP_VERSIONS = (2, 20)
"""At least the version before the current one: there must be something to return to."""


def endpoint(section: Section) -> EndpointSettings:
    """Read what serves the model; keys that mean nothing for its kind are refused, not passed over."""
    kind = section.read("kind", rules.one_of((contract.REALTIME, contract.SERVERLESS)), contract.REALTIME)
    count = section.read("instanceCount", rules.whole(1, INSTANCE_COUNT_MOST), 1)
    routings = (contract.ALL_AT_ONCE, contract.CANARY, contract.LINEAR)
    settings = EndpointSettings(
        kind=kind,
        instance_type=section.read("instanceType", instance_types.served_on, DEFAULT_INSTANCE_TYPE),
        instance_count=count,
        max_instance_count=section.read("maxInstanceCount", rules.whole(1, INSTANCE_COUNT_MOST), count),
        memory_mb=section.read("memoryMb", rules.whole_of(SERVERLESS_MEMORY_MB), 2048),
        max_concurrency=section.read("maxConcurrency", rules.whole(*SERVERLESS_CONCURRENCY), 10),
        traffic=section.read("traffic", rules.one_of(routings), contract.ALL_AT_ONCE),
        bake_seconds=section.read("bakeSeconds", rules.whole(*BAKE_SECONDS), 300),
        keep_versions=section.read("keepVersions", rules.whole(*KEEP_VERSIONS), 3),
    )
    section.finish()
    if kind == contract.SERVERLESS:
        instances = ("instanceType", "instanceCount", "maxInstanceCount", "traffic", "bakeSeconds")
        section.only_with(instances, "a serverless endpoint has no instances")
        return settings
    section.only_with(("memoryMb", "maxConcurrency"), f"a {kind} endpoint has instances; set kind to serverless")
    if settings.max_instance_count < count:
        section.report(
            f"endpoint.maxInstanceCount = {settings.max_instance_count} is less than instanceCount {count}",
            section.commands.set("endpoint.maxInstanceCount", count),
        )
    watched = contract.watch_seconds(settings.traffic, settings.bake_seconds)
    if watched > WATCH_SECONDS_MOST:
        section.report(
            f"endpoint.bakeSeconds = {settings.bake_seconds} means {watched // 60} minutes"
            f" with {settings.traffic} traffic; the deploy action ends after eight hours,"
            f" so {WATCH_SECONDS_MOST // 60} is the most",
            section.commands.set("endpoint.bakeSeconds", 300),
        )
    if settings.traffic != contract.ALL_AT_ONCE and count < 2:
        section.report(
            f"endpoint.traffic = {settings.traffic!r} moves instances one by one: it needs two or more",
            section.commands.set("endpoint.instanceCount", 2),
        )
    return settings
