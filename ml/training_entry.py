"""What runs in a training job: the training that the build would do, on files that SageMaker has brought.

Reads SM_INPUT, leaves its result in SM_MODEL_DIR and, when it fails, the reason where SageMaker looks for it
(developer guide, "How Amazon SageMaker Processes Training Output"). The image sets both variables.
"""

import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from ml import champion, contract, entry, libraries, made, training_channels, training_job, training_run
from ml.build_environment import BuildEnvironment
from ml.gate import one_line
from ml.training_request import METRIC

LONGEST_REASON = 1000
"""SageMaker shows 1024 characters."""


def main(inputs: Path, results: Path) -> None:
    """Do what the job's hyper-parameters say: train a model, or try a share of a search."""
    variables = json.loads((inputs / "config/hyperparameters.json").read_text("utf-8"))
    build = BuildEnvironment.read(variables)
    read = training_channels.reader(inputs / "data")
    libraries.check(version, platform.python_version())
    if build.search.share is not None:
        content = {training_job.SEARCH_FILE: training_run.try_share(build, read)}
    else:
        rival = champion.from_told(variables[contract.TRAINING_CHAMPION], read)
        model = training_run.make(build, read, rival)
        content = made.files(model)
        for name, value in model.metrics.items():
            entry.say(f"{METRIC.format(name)}{value:.6f}")
    for file, body in content.items():
        (results / file).write_bytes(body)


def run(inputs: Path, results: Path) -> int:
    """Call `main` and return the exit status; whatever goes wrong is written down for SageMaker as well."""
    told = inputs.parent / "output" / "failure"
    return entry.run(lambda: _telling(inputs, results, told))


def _telling(inputs: Path, results: Path, told: Path) -> None:
    try:
        main(inputs, results)
    except Exception as error:
        told.parent.mkdir(parents=True, exist_ok=True)
        told.write_text(one_line(str(error) or type(error).__name__, LONGEST_REASON), "utf-8")
        raise


if __name__ == "__main__":
    sys.exit(run(Path(os.environ["SM_INPUT"]), Path(os.environ["SM_MODEL_DIR"])))
