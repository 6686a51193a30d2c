"""Commands as data: the parser, the help and the test of the documentation loop over them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument: its flags or its name, what it is, and what argparse is told besides."""

    names: tuple[str, ...]
    help: str
    options: Mapping[str, Any] = field(default_factory=dict)


PROJECT = Argument(
    names=("project",),
    help="project directory, or the URL of a project on a PostgreSQL server",
    options={"metavar": "PROJECT"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of the program.

    ``run`` is ``module:function``; it is imported when the command is called. The function takes
    the parsed arguments and a progress, and returns a `Result`.
    """

    name: str
    summary: str
    run: str
    arguments: tuple[Argument, ...] = ()
    example: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command tells: a JSON document, and the same for people, line by line.

    ``error`` is what makes the exit code 1 where the command ended but all is not well.
    """

    document: Mapping[str, Any]
    lines: tuple[str, ...] = ()
    error: str = ""
    is_told: bool = True
    """False where the command has written to the output by itself."""
    exit_code: int = 0
