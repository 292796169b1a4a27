"""When the account closes, builds are stopped and have cleaned up when it has closed, on an account of its own."""

from pathlib import Path

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
