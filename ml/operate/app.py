"""The command line: `python -m ml COMMAND`. Tables for people, --json for programs.

Exit status: 0 all is well; 1 it is not, or AWS refused; 2 the command or its input must be repaired first.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import click

from ml import catalogue, contract
from ml.operate import care, completion, decide, evidence, replay, state
from ml.operate import cost as costs
from ml.operate import doctor as doctors
from ml.operate.aws import Aws
from ml.operate.options import Options, chosen
from ml.operate.show import Answer
from ml.operate.speech import AS_JSON, Commands, Speech

CONTENT_TYPES = {".csv": "text/csv", ".json": "application/json"}


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, help=__doc__)
@click.option(
    "--stack",
    envvar="PULUMI_STACK",
    show_envvar=True,
    help="The Pulumi stack; the selected one by default. Typed, it goes before STACK_OUTPUTS.",
)
@click.option(
    "--outputs",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="STACK_OUTPUTS",
    show_envvar=True,
    help="A file with the stack's outputs as JSON, in place of the Pulumi CLI.",
)
@click.option("--profile", help="The AWS profile.")
@click.option(AS_JSON, "as_json", is_flag=True, help="Answer in JSON, and tell errors and progress in it.")
@click.pass_context
def app(context: click.Context, stack: str | None, outputs: Path | None, profile: str | None, as_json: bool) -> None:
    """Keep the options for the command."""
    stack, outputs = chosen(context, stack, outputs)
    context.obj = Options(stack=stack, outputs=outputs, profile=profile, speech=Speech(as_json=as_json))


@app.command()
@click.pass_obj
def status(options: Options) -> None:
    """Endpoint, last execution, who waits for a person and for how long, alarms, dead letters."""
    options.answer(state.status)


@app.command()
@click.pass_obj
def history(options: Options) -> None:
    """Every version: decision, metrics, when it was deployed, and which is the champion that serves."""
    options.answer(state.history)


@app.command()
@click.argument("about", metavar="[VERSION|ARN|ENDPOINT]", required=False)
@click.pass_obj
def lineage(options: Options, about: str | None) -> None:
    """Where a version comes from and where it went: by number, ARN or endpoint; the one that serves by default."""
    options.answer(lambda aws, stack: state.lineage(aws, stack, about))


@app.command()
@click.argument("about", metavar="[VERSION|ARN|ENDPOINT]", required=False)
@click.option("--evaluation", is_flag=True, help="The measurements as JSON, in place of the report.")
@click.option("--to", "file", type=click.Path(path_type=Path, dir_okay=False), help="By default a name of its own.")
@click.option("--open", "open_it", is_flag=True, help="Show it in a browser.")
@click.pass_obj
def report(options: Options, about: str | None, evaluation: bool, file: Path | None, open_it: bool) -> None:
    """Fetch a version's report, held against its digest; of the version that serves by default."""
    options.answer(lambda aws, stack: evidence.fetch(aws, stack, about, evaluated=evaluation, to=file, open_it=open_it))


@app.command()
@click.argument("version", type=int)
@click.option("--comment", required=True, help="Why; it is kept with the decision.")
@click.pass_obj
def approve(options: Options, version: int, comment: str) -> None:
    """Approve VERSION. Where the pipeline waits for a person, it goes on."""
    options.answer(lambda aws, stack: decide.decide(aws, stack, version, status=contract.APPROVED, comment=comment))


@app.command()
@click.argument("version", type=int)
@click.option("--comment", required=True, help="Why; it is kept with the decision.")
@click.pass_obj
def reject(options: Options, version: int, comment: str) -> None:
    """Reject VERSION. Where the pipeline waits for a person, it ends."""
    options.answer(lambda aws, stack: decide.decide(aws, stack, version, status=contract.REJECTED, comment=comment))


@app.command()
@click.option("--to", "version", type=int, required=True, help="An approved version.")
@click.option("--wait/--no-wait", default=True, help="Return when the pipeline has ended (the default), or at once.")
@click.pass_obj
def rollback(options: Options, version: int, wait: bool) -> None:
    """Release an approved version again, through the pipeline."""
    options.answer(lambda aws, stack: decide.rollback(aws, stack, version, wait=wait, say=options.speech.say))


@app.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--type", "content_type", type=click.Choice(list(CONTENT_TYPES.values())), help="By default from FILE.")
@click.pass_obj
def invoke(options: Options, file: BinaryIO, content_type: str | None) -> None:
    """Ask the endpoint about the rows in FILE (CSV without a header, or JSON); - is standard input."""
    kind = content_type or CONTENT_TYPES.get(Path(getattr(file, "name", "")).suffix, "application/json")
    options.answer(lambda aws, stack: decide.invoke(aws, stack, file.read(), content_type=kind))


@app.command(name="replay")
@click.option(
    "--threshold", "limits", metavar="METRIC=LIMIT", multiple=True, help="Instead of the stack's; may be repeated."
)
@click.option("--basis", type=click.Choice([contract.POINT, contract.BOUND]), help="Instead of the stack's.")
@click.option("--champion-margin", "margin", type=float, help="Instead of the stack's.")
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.svg|png", help="Draw it as well."
)
@click.pass_obj
def replay_command(
    options: Options, limits: tuple[str, ...], basis: str | None, margin: float | None, plot: Path | None
) -> None:
    """Which past versions would these thresholds have passed?"""
    wanted = _thresholds(limits)
    changes = {"basis": basis, "championMargin": margin}
    given = {name: value for name, value in changes.items() if value is not None}
    options.answer(lambda aws, stack: replay.replay(aws, stack, replay.Question.of(stack, wanted, given), plot=plot))


@app.command()
@click.option("--runs", default=20, show_default=True, help="Runs of the pipeline in a month.")
@click.option("--requests", default=100_000, show_default=True, help="Requests in a month, for a serverless endpoint.")
@click.option("--training-seconds", default=180, show_default=True, help="Billed seconds of each training job.")
@click.option("--instance-hour", type=float, help="USD for an instance's hour, in place of the table's.")
@click.pass_obj
def cost(options: Options, runs: int, requests: int, training_seconds: int, instance_hour: float | None) -> None:
    """What the stack costs in a month and for each run, by list prices."""
    usage = costs.Usage(runs=runs, requests=requests, training_seconds=training_seconds)
    options.answer(lambda _, stack: costs.cost(stack, usage, instance_hour=instance_hour))


@app.command()
@click.option("--remove", is_flag=True, help="With --yes: remove what no release can need any more.")
@click.option("--yes", is_flag=True, help="Remove it; without this it is only listed.")
@click.pass_obj
def orphans(options: Options, remove: bool, yes: bool) -> None:
    """What releases left behind that is of no use, and what has the stack's tags without its name."""
    do = remove and yes
    options.answer(lambda aws, stack: care.orphans(aws, stack, do=do, say=options.speech.say))


@app.command()
@click.option("--yes", is_flag=True, help="Remove it; without this it is only listed.")
@click.pass_obj
def teardown(options: Options, yes: bool) -> None:
    """Remove the endpoint and everything that the deploy step made. Versions and data stay."""
    options.answer(lambda aws, stack: care.teardown(aws, stack, do=yes, say=options.speech.say))


@app.command()
@click.pass_obj
def doctor(options: Options) -> None:
    """Check credentials, quotas, versions, end dates and the stack's parts; each finding with its repair."""
    options.end(lambda: _examined(options))


@app.command(name="completion")
@click.argument("shell", type=click.Choice(completion.SHELLS))
def completion_command(shell: str) -> None:
    """Print what SHELL must read to know `ml` and complete it: eval "$(python -m ml completion bash)"."""
    click.echo(completion.script(app, shell), nl=False)


def _examined(options: Options) -> Answer:
    found = options.found()
    return doctors.doctor(Aws(found.stack.region if found.stack else None, options.profile), found)


def _thresholds(limits: tuple[str, ...]) -> Mapping[str, float]:
    found: dict[str, Any] = {}
    for text in limits:
        name, separator, limit = text.partition("=")
        if name not in catalogue.METRICS or not separator:
            known = ", ".join(catalogue.METRICS)
            raise click.BadParameter(f"{text!r} is not METRIC=LIMIT with a metric of {known}")
        try:
            found[name] = float(limit)
        except ValueError as error:
            raise click.BadParameter(f"{limit!r} is not a number") from error
    return found
