"""Load a table, fit a model, measure it and pack it: what a build does itself, or has a training job do."""

from ml import catalogue, data, entry, evidence, packaging, search, storage, training, usecases
from ml.build_environment import BuildEnvironment
from ml.evaluation.champion import Champion
from ml.made import Made
from ml.table import Table


def make(build: BuildEnvironment, read: storage.Read, champion: Champion | None) -> Made:
    """Train a model, and measure it and the `champion`, what serves now. Changes nothing in AWS.

    `read` gives the content of the object at an address in S3. Raises RoadError when no model can be offered for
    approval.
    """
    use_case, table = usecases.load(build.use_case), _table(build, read)
    tried = search.settle(build.use_case, table, build.search, read, entry.say)
    build_model = search.model_with(use_case, tried.best.params) if tried else use_case.build
    trained = training.train(table, build_model, usecases.split_of(use_case))
    found = evidence.gather(
        table,
        trained,
        use_case=build.use_case,
        confidence=build.rule.confidence,
        champion=champion,
        search=tried.document() if tried else None,
    )
    for warning in found.warnings:
        entry.say(f"data: WARNING: {warning}")
    entry.say(f"evaluation: {found.summary}")
    archive = packaging.pack(trained.model, table=table, held_out=trained.held_out, use_case=build.use_case)
    entry.say(f"package: {len(archive.body)} bytes, sha256 {archive.sha256}")
    return Made(
        data_sha256=table.sha256,
        archive=archive,
        evaluation=found.document,
        metrics=found.metrics,
        summary=found.summary,
    )


def try_share(build: BuildEnvironment, read: storage.Read) -> bytes:
    """Return what this training job's share of the search has found. Changes nothing in AWS."""
    return search.write(search.search(build.use_case, _table(build, read), build.search, entry.say))


def _table(build: BuildEnvironment, read: storage.Read) -> Table:
    use_case, task = usecases.load(build.use_case), catalogue.USE_CASES[build.use_case].task
    table = data.load(build.data_uri, target=build.target, task=task, use_case=use_case, read=read)
    for line in data.lines(table):
        entry.say(f"data: {line}")
    return table
