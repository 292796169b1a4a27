"""Each module imports only what exists at the place where it runs."""

import ast
import sys
from pathlib import Path

import pytest

from ml import catalogue

CONTRACT = {"ml.contract", "ml.errors"}
GATE = CONTRACT | {"ml.catalogue", "ml.gate", "ml.judgement", "ml.champion_gate"}
TABLE = CONTRACT | {"ml.catalogue", "ml.table", "ml.table_file"}
REGISTRY = GATE | {"ml.registry"}
LAMBDA = REGISTRY | {"ml.function_entry", "ml.pipeline_job", "ml.registry_event"}
BRIDGE = LAMBDA | {"ml.approval_event", "ml.approved_version", "ml.pipeline_state"}
DEPLOY = REGISTRY | {
    "ml.entry", "ml.storage", "ml.approved_version", "ml.proof", "ml.rollout", "ml.endpoint", "ml.endpoint_config",
    "ml.endpoint_plan", "ml.serving", "ml.autoscaling", "ml.pruning",
    "ml.runtimes", "ml.serving_image", "ml.ledger", "ml.model_archive", "ml.safe_pickle", "ml.registration",
    "ml.registered_version", "ml.endpoint_wait",
}  # fmt: skip
SERVING = {
    "ml.inference", "ml.quick_forest", "ml.quick_model", "ml.quick_records", "ml.request_rows", "ml.safe_pickle"
}  # fmt: skip
REPORT = {"ml.report"} | {
    f"ml.report.{name}"
    for name in (
        "answer", "curves", "drawing", "evidence", "markup", "origin", "parts", "quality", "reasons", "remarks",
        "strip", "words",
    )
}  # fmt: skip
TRAIN = REGISTRY | TABLE | REPORT | {
    "ml.entry", "ml.storage", "ml.data", "ml.usecases", "ml.training", "ml.evaluation", "ml.packaging", "ml.search",
    "ml.made", "ml.training_channels", "ml.training_job", "ml.training_log", "ml.training_request",
    "ml.training_source", "ml.training_run", "ml.build_environment",
    "ml.package_request", "ml.registration", "ml.endpoint_wait", "ml.approved_version",
    "ml.runtimes", "ml.serving_image", "ml.evaluation.classification",
    "ml.evaluation.clustering", "ml.evaluation.intervals", "ml.evaluation.regression", "ml.evaluation.weighted_metrics",
    "ml.evaluation.curves", "ml.evaluation.importance", "ml.evaluation.slices", "ml.evidence", "ml.data_report",
    "ml.spelling", "ml.preparation", "ml.leakage", "ml.model_archive", "ml.proof",
    "ml.model_report", "ml.bill_of_materials", "ml.libraries", "ml.model_card", "ml.champion",
    "ml.evaluation.champion", "ml.serving", "ml.endpoint", "ml.endpoint_config", "ml.endpoint_plan", *SERVING,
}  # fmt: skip
OPERATE = DEPLOY | {"ml.absence", "ml.clean_up", "ml.operate", "ml.pipeline_state", "ml.stack_file"} | {
    f"ml.operate.{name}"
    for name in (
        "aws", "care", "check", "completion", "cost", "decide", "doctor", "evidence", "following", "judged", "options",
        "parts", "planned", "plot", "quotas", "replay", "show", "speech", "stack", "state", "tags", "tools", "versions",
        "waiting",
    )
}  # fmt: skip
AWS = {"boto3", "botocore"}
CONTAINER = {"numpy", "pyarrow", "werkzeug"}
CONTAINER_MODULES = {"quick_forest", "quick_model", "quick_records", "request_rows", "safe_pickle"}
"""Ours, under the names that they have in the container."""
USE_CASE = TABLE | {"ml.usecases", "ml.preparation", "ml.synthetic", "ml.training"}

ROOMS: dict[str, tuple[set[str], set[str]]] = {
    # Entry -> our modules and the packages at the place where it runs.
    "ml.lambda_auto_approve": (LAMBDA, AWS),
    "ml.lambda_approval_bridge": (BRIDGE, AWS),
    "ml.deploy_model": (DEPLOY, AWS),
    # The person's own machine, at `pulumi destroy`.
    "ml.clean_up": (DEPLOY | {"ml.absence"}, AWS),
    # The build packs the serving code and asks it for answers; werkzeug is imported by refusals alone.
    "ml.create_model_package": (
        TRAIN,
        AWS | CONTAINER | CONTAINER_MODULES | {"sklearn", "joblib", "threadpoolctl", "matplotlib"},
    ),
    # A machine of SageMaker's: the build's code, without a network.
    "ml.training_entry": (
        TRAIN,
        AWS | CONTAINER | CONTAINER_MODULES | {"sklearn", "joblib", "threadpoolctl"},
    ),
    **{
        f"ml.usecases.{name}": (USE_CASE, {"numpy", "sklearn", "joblib", "pyarrow", "threadpoolctl"})
        for name in catalogue.USE_CASES
    },
    # The operator's machine; pulumi, of the same requirements, brings yaml.
    "ml.operate.app": (OPERATE, AWS | {"click", "rich", "matplotlib", "yaml"}),
    "ml.inference": (SERVING, CONTAINER | CONTAINER_MODULES),
    # gunicorn reads it as its configuration.
    "ml.warm_start": (set(), set()),
    "ml.catalogue": (set(), set()),
    "ml.contract": (set(), set()),
    "ml.runtimes": (set(), set()),
    "ml.gate": (GATE, set()),
    "ml.report": (GATE | {"ml.gate"} | REPORT, {"matplotlib"}),
}


def imports(path: Path) -> set[str]:
    """Return the absolute names that the module at `path` imports when it runs, wherever the statement stands."""
    found: set[str] = set()
    typing_only: set[ast.AST] = set()
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            typing_only |= {inner for statement in node.body for inner in ast.walk(statement)}
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            below = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= below if node.module == "ml" else {node.module or ""}
    return found


def file_of(module: str, root: Path) -> Path:
    path = root / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def reached(entry: str, root: Path) -> tuple[set[str], set[str]]:
    """Return our modules and the foreign packages that importing `entry` may import in the end."""
    ours, foreign, waiting = set(), set(), [entry]
    while waiting:
        module = waiting.pop()
        if module in ours:
            continue
        ours.add(module)
        for name in imports(file_of(module, root)):
            if name.split(".")[0] == "ml":
                waiting.append(name)
            elif name.split(".")[0] not in sys.stdlib_module_names:
                foreign.add(name.split(".")[0])
    return ours - {entry}, foreign


@pytest.mark.parametrize("entry", ROOMS)
def test_an_entry_reaches_only_what_its_place_provides(entry: str, source_root: Path) -> None:
    ours, foreign = reached(entry, source_root)
    allowed_modules, allowed_packages = ROOMS[entry]

    assert ours <= allowed_modules
    assert foreign <= allowed_packages


@pytest.mark.parametrize("entry", ["ml.lambda_auto_approve", "ml.lambda_approval_bridge"])
def test_a_functions_room_is_exactly_what_it_reaches(entry: str, source_root: Path) -> None:
    """Its archive is made of named files: one too few fails at its first invocation."""
    assert reached(entry, source_root)[0] == ROOMS[entry][0]


def test_ml_never_imports_the_program(source_root: Path) -> None:
    for path in (source_root / "ml").rglob("*.py"):
        assert not {
            name for name in imports(path) if name.split(".")[0] in ("components", "rehearsal", "pulumi", "pulumi_aws")
        }


def test_only_entries_read_the_environment_or_make_clients(source_root: Path) -> None:
    entries = {
        "create_model_package.py", "deploy_model.py", "lambda_approval_bridge.py", "lambda_auto_approve.py",
        "training_entry.py",
    }  # fmt: skip
    for path in (source_root / "ml").rglob("*.py"):
        text = path.read_text("utf-8")
        assert path.name in entries or "os.environ" not in text, path.name
        assert path.name in entries | {"entry.py", "function_entry.py"} or "boto3.client" not in text, path.name
