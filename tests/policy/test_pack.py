"""The pack as a user has it: started by the command that Pulumi's engine starts it with, and asked over its wire."""

import contextlib
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from policy.rules import RULES
from tests.harness import ROOT, Recorded
from tests.policy.breaks import BROKEN

pytestmark = pytest.mark.slow

Record = Callable[..., Recorded]
PACK = ROOT / "policy"
START_SECONDS = 60
CALL_SECONDS = 60


@contextlib.contextmanager
def running_pack(folder: Path) -> Iterator[Any]:
    """Start the pack in its own folder, as the Python language host does, and yield a client of it."""
    command = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:0", str(folder)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], START_SECONDS)[0], "the pack did not start"
            port = process.stdout.readline().strip()
            assert port.isdigit(), process.stderr and process.stderr.read()
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield analyzer_pb2_grpc.AnalyzerStub(channel)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def pack() -> Iterator[Any]:
    with running_pack(PACK) as client:
        yield client


def request(run: Recorded) -> analyzer_pb2.AnalyzeStackRequest:
    """Return the engine's question about a whole stack."""
    by_urn = {one.urn: one for one in run.resources}
    resources = []
    for one in run.resources:
        made = analyzer_pb2.AnalyzerResource(
            type=one.type,
            urn=one.urn,
            name=one.name,
            parent=one.parent,
            properties=json_format.ParseDict(one.inputs, struct_pb2.Struct()),
            options=analyzer_pb2.AnalyzerResourceOptions(protect=one.protect),
            dependencies=sorted(one.depends_on),
        )
        for prop, urns in one.property_depends_on.items():
            made.propertyDependencies[prop].urns.extend(urns)
        if one.provider:
            provider = by_urn[one.provider]
            made.provider.CopyFrom(
                analyzer_pb2.AnalyzerProviderResource(
                    type=provider.type,
                    urn=provider.urn,
                    name=provider.name,
                    properties=json_format.ParseDict(provider.inputs, struct_pb2.Struct()),
                )
            )
        resources.append(made)
    return analyzer_pb2.AnalyzeStackRequest(resources=resources)


def test_the_pack_offers_every_rule_as_mandatory(pack: Any) -> None:
    offered = pack.GetAnalyzerInfo(empty_pb2.Empty(), timeout=CALL_SECONDS).policies
    assert {one.name: one.description for one in offered} == {rule.name: rule.says for rule in RULES}
    assert {one.enforcementLevel for one in offered} == {analyzer_pb2.MANDATORY}


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "update"])
def test_the_pack_lets_the_program_through(pack: Any, preview: bool, recorded: Record) -> None:
    answer = pack.AnalyzeStack(request(recorded("prod", preview=preview)), timeout=CALL_SECONDS)
    assert [one.message for one in answer.diagnostics] == []


def test_the_pack_stops_a_program_whose_train_build_may_do_anything(pack: Any, recorded: Record) -> None:
    [broken] = [one for one in BROKEN if one.words == "name each action"]
    answer = pack.AnalyzeStack(request(broken.break_it(recorded(broken.stack))), timeout=CALL_SECONDS)
    [said] = [one for one in answer.diagnostics if one.policyName == broken.rule]
    assert "Added allows sagemaker:*; name each action" in said.message
    assert said.enforcementLevel == analyzer_pb2.MANDATORY
    assert said.urn.endswith("roles-train-access-policy")


def test_the_pack_has_an_environment_of_its_own_and_one_version_of_its_library() -> None:
    declared = yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text(encoding="utf-8"))
    assert declared["runtime"] == {"name": "python", "options": {"toolchain": "pip", "virtualenv": ".venv"}}
    assert "-r ../policy/requirements.txt" in (ROOT / "tests/requirements.txt").read_text(encoding="utf-8").splitlines()
