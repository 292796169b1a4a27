"""Where builds begin and end with their account: what images share is there first, what runs has cleaned up last."""

import threading
from pathlib import Path

import pytest

from rehearsal.builds import build_image, build_run, codebuild
from tests.rehearsal.runner_account import eventually, running_cloud
from tests.rehearsal.test_codebuild import Builds, phases


def test_closing_stops_what_runs_and_what_waits_and_starts_nothing_more(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud:
        builds = Builds(cloud)
        begun, never = tmp_path / "begun", tmp_path / "never"
        running = builds.start(
            builds.usual, builds.inputs(f"phases: {{build: {{commands: ['echo $$ > {begun}', 'sleep 60']}}}}")
        )
        touching = builds.inputs(f"phases: {{build: {{commands: ['touch {never}']}}}}")
        waiting = builds.start(builds.usual, touching)
        eventually(lambda: begun.exists() and begun.read_text())

        builds.runner.close()

        described = builds.client.batch_get_builds(ids=[running, waiting])["builds"]
        assert [build["buildStatus"] for build in described] == ["STOPPED", "STOPPED"]
        assert not list(cloud.work.glob("builds/*/image"))
        assert not Path(f"/proc/{begun.read_text().strip()}").exists()
        late = builds.wait(builds.start(builds.usual, touching))
        assert late["buildStatus"] == "STOPPED"
        assert phases(late) == {"PROVISIONING": "STOPPED", "COMPLETED": ""}
        assert not never.exists()


def test_a_build_waits_for_what_every_image_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_cloud(tmp_path) as cloud:
        image_begun, early = threading.Event(), []

        def share(folder: Path) -> None:
            eventually(lambda: list(cloud.work.glob("builds/*")))
            early.append(image_begun.wait(timeout=0.5))
            build_image.share_bytecode(folder)

        def make(folder: Path, bytecode: Path) -> dict[str, str]:
            image_begun.set()
            return build_image.make_build_image(folder, bytecode)

        monkeypatch.setattr(codebuild, "share_bytecode", share)
        monkeypatch.setattr(build_run, "make_build_image", make)
        builds = Builds(cloud)
        builds.runner.warm_up()
        build = builds.start(builds.usual, builds.inputs("phases: {build: {commands: ['true']}}"))
        assert builds.wait(build)["buildStatus"] == "SUCCEEDED"
        assert (early, image_begun.is_set()) == ([False], True)
