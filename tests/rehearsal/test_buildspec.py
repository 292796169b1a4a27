import pytest

from rehearsal.builds.buildspec import Buildspec, BuildspecError, Phase, parse
from rehearsal.pipeline.artifacts import FileSelection

WHOLE = """
version: 0.2
env:
  shell: bash
  variables:
    GREETING: hello
    WORKERS: 2
  exported-variables: [ANSWER]
phases:
  build:
    commands:
      - make
    finally:
      - make report
  install:
    runtime-versions:
      python: "3.12"
    commands:
      - pip install x
artifacts:
  files: ["*.txt"]
  base-directory: out
  discard-paths: yes
  secondary-artifacts:
    Report:
      files: [report/**/*]
"""


def test_a_whole_buildspec_is_read_with_its_phases_in_running_order():
    assert parse(WHOLE) == Buildspec(
        shell="bash",
        variables={"GREETING": "hello", "WORKERS": "2"},
        exported_variables=("ANSWER",),
        phases=(
            Phase(name="install", commands=("pip install x",), finally_commands=()),
            Phase(name="build", commands=("make",), finally_commands=("make report",)),
        ),
        artifacts=FileSelection(patterns=("*.txt",), base_directory="out", discard_paths=True),
        secondary_artifacts={
            "Report": FileSelection(patterns=("report/**/*",), base_directory=".", discard_paths=False)
        },
    )


def test_a_buildspec_that_names_no_shell_gets_the_plain_one_as_on_aws():
    assert parse("version: 0.2\nphases: {build: {commands: [ls]}}").shell == "sh"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 0.1\nphases: {build: {commands: [ls]}}", "version: 0.2 is needed, found 0.1"),
        ("version: 0.2\nphases: {}", "phases: at least one is needed"),
        ("version: 0.2\ncache: {paths: [x]}", "buildspec.cache: not supported"),
        ("version: 0.2\nenv: {parameter-store: {A: /a}}", "env.parameter-store: not supported"),
        ("version: 0.2\nenv: {shell: zsh}", "env.shell: one of sh, bash is needed, found zsh"),
        (
            "version: 0.2\nenv: {variables: {A: yes}}\nphases: {build: {}}",
            "env.variables.A: a string is needed, found True",
        ),
        ("version: 0.2\nphases: {build: {comands: [ls]}}", "phases.build.comands: not supported"),
        ("version: 0.2\nphases: {test: {commands: [ls]}}", "phases.test: not supported"),
        ("version: 0.2\nphases: {build: {on-failure: CONTINUE}}", "phases.build.on-failure: not supported"),
        ("version: 0.2\nphases: {build: {runtime-versions: {python: 3}}}", "build.runtime-versions: not supported"),
        ("version: 0.2\nphases: {install: {runtime-versions: {java: x}}}", "runtime-versions.java: not supported"),
        ("version: 0.2\nphases: {build: {commands: ls}}", "phases.build.commands: a list is needed"),
        (
            "version: 0.2\nphases: {build: {commands: [ls, echo a: b]}}",
            "phases.build.commands[1]: a string is needed, found {'echo a': 'b'}; quote it",
        ),
        ("version: 0.2\nphases: {build: {}}\nartifacts: {name: x}", "artifacts.name: not supported"),
        ("version: 0.2\nphases: {build: {}}\nartifacts: {base-directory: x}", "artifacts.files: at least one"),
        ("version: 0.2\nphases: {build: {}}\nartifacts: {files: [../x]}", "../x is outside of the source"),
        ("version: 0.2\nphases: {build: {}}\nartifacts: {files: [/x]}", "/x is outside of the source"),
        ("version: 0.2\nphases: {build: {}}\nartifacts: {files: [x], discard-paths: 1x}", "discard-paths: yes or no"),
        ("- a\n- b", "buildspec: a mapping is needed"),
        ("a: b: c", "not YAML"),
    ],
)
def test_what_the_runner_does_not_do_is_refused_by_name(text: str, message: str):
    with pytest.raises(BuildspecError) as caught:
        parse(text)
    assert message in str(caught.value)
