from __future__ import annotations

import importlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from annotator.cli import main
from annotator.cli.commands import COMMANDS
from annotator.cli.parser import HelpAsked, UsageError, command_parser, parse

if TYPE_CHECKING:
    from pathlib import Path

    from annotator.cli.command import Command, Result

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_can_be_called(command: Command) -> None:
    module, name = command.run.split(":")
    if module != "annotator.cli.program":
        assert callable(getattr(importlib.import_module(module), name))
    assert command.summary[0].islower()
    assert command.example.startswith("annotator ")
    assert all(argument.help for argument in command.arguments)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_example_is_understood(command: Command) -> None:
    import shlex

    understood, _ = parse(shlex.split(command.example)[1:])
    assert understood is command


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_a_help_page(command: Command) -> None:
    with pytest.raises(HelpAsked, match=f"annotator {command.name}"):
        parse([command.name, "--help"])


def test_the_spelling_of_the_specification() -> None:
    lines = (
        "new P --schema chest-ct",
        "import P a b c",
        "add-rater P Ann Bob",
        "assign P --raters 2",
        "add-reading P C --rater Ann --mask f.nii.gz --diagnosis benign",
        "predict P --model lungs",
        "fuse P --method staple --set tolerance=1e-7",
        "fuse P C1 C2 --method staple",
        "fuse P --method staple C1 C2",
        "compare P",
        "diagnoses P --method mace --question dx",
        "findings P",
        "export P D --format nifti",
        "list P --json",
        "verify P",
        "plugins",
        "worker postgresql+psycopg://host/base",
    )
    for line in lines:
        command, _ = parse(line.split())
        assert command.name == line.split()[0]


def test_cases_may_stand_behind_options() -> None:
    _, arguments = parse(
        ["fuse", "P", "--method", "staple", "C1", "--set", "a=1", "C2", "--set", "b=2"]
    )
    assert arguments.cases == ["C1", "C2"]
    assert arguments.settings == ["a=1", "b=2"]


def test_nothing_opens_the_window() -> None:
    command, arguments = parse([])
    assert command.name == "open"
    assert arguments.project is None


def test_a_path_alone_is_a_project(tmp_path: Path) -> None:
    command, arguments = parse([str(tmp_path)])
    assert command.name == "open"
    assert arguments.project == str(tmp_path)


def test_global_flags_may_stand_in_front() -> None:
    command, arguments = parse(["--json", "list", "P"])
    assert command.name == "list"
    assert arguments.json


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lst P", "did you mean 'list'"),
        ("improt P x", "did you mean 'import'"),
        ("fuse P --metod staple", "did you mean '--method'"),
        ("--jsn", "did you mean '--json'"),
        ("export P D", "--format"),
        ("assign P --raters two", "two"),
        ("list P Q", "'Q'"),
        ("import P", "PATH"),
    ],
)
def test_what_is_not_understood_is_told_with_a_suggestion(line: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        parse(line.split())
    assert main(line.split()) == 2


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    page = capsys.readouterr().out
    assert all(f"  {command.name} " in page for command in COMMANDS)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from annotator.cli import main\n"
        "assert main(['--help']) == 0\n"
        "heavy = {'numpy', 'scipy', 'sqlalchemy', 'pydantic', 'SimpleITK', 'qtpy', 'torch'}\n"
        "found = heavy & set(sys.modules)\n"
        "assert not found, found\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_flags_of_all_commands_are_distinct_from_global_ones() -> None:
    for command in COMMANDS:
        command_parser(command)


def test_an_unforeseen_error_has_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from annotator.cli import program

    def fail(*_: object) -> Result:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(program, "plugins", fail)
    assert main(["plugins"]) == 1
    told = capsys.readouterr().err
    assert "ZeroDivisionError" in told
    assert "Traceback" not in told
    assert main(["plugins", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_ends_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from annotator.cli import program

    def interrupt(*_: object) -> Result:
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "plugins", interrupt)
    assert main(["plugins"]) == 130
    assert capsys.readouterr().err == "annotator: interrupted\n"


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = "import sys; from annotator.cli import main; sys.exit(main(['--help']))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 141
    assert told == b""
