"""Words into a command and its arguments; what cannot be understood is told with a suggestion."""

from __future__ import annotations

import argparse
import os
from difflib import get_close_matches
from typing import TYPE_CHECKING, NoReturn

from annotator import __version__
from annotator.cli.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annotator.cli.command import Command

GLOBAL_FLAGS = {
    "--json": "write one JSON document to the output and nothing else",
    "--debug": "show the traceback of an error",
}


class UsageError(Exception):
    """A command line that cannot be understood, in words."""


class HelpAsked(Exception):  # noqa: N818 - asking for help is no error
    """The text that was asked for: a help page, or the version."""


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises in words instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see `{self.prog} --help`")


def parse(words: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """Return the command that is meant and its arguments.

    A path alone is a project to open; so is nothing at all. Raises UsageError and HelpAsked.
    """
    rest = list(words)
    place = next((at for at, word in enumerate(rest) if not word.startswith("-")), None)
    if place is None:
        return _without_command(rest)
    name = rest[place]
    commands = {command.name: command for command in COMMANDS}
    if name in commands:
        del rest[place]
    elif _looks_like_project(name):
        name = "open"
    else:
        raise UsageError(_unknown("command", name, commands, "annotator --help"))
    command = commands[name]
    parser = command_parser(command)
    if {"-h", "--help"} & set(rest):
        raise HelpAsked(parser.format_help())
    arguments, unknown = parser.parse_known_intermixed_args(rest)
    if unknown:
        raise UsageError(_unknown_arguments(command, parser, unknown))
    return command, arguments


def _without_command(rest: list[str]) -> tuple[Command, argparse.Namespace]:
    if {"-h", "--help"} & set(rest):
        raise HelpAsked(program_help())
    if "--version" in rest:
        raise HelpAsked(f"annotator {__version__}\n")
    for word in rest:
        if word not in GLOBAL_FLAGS:
            raise UsageError(_unknown("option", word, _program_flags(), "annotator --help"))
    command = COMMANDS[0]
    return command, command_parser(command).parse_args(rest)


def command_parser(command: Command) -> argparse.ArgumentParser:
    """Return the parser of one command."""
    parser = _Parser(
        prog=f"annotator {command.name}",
        description=f"{command.summary[0].upper()}{command.summary[1:]}.",
        epilog=f"example: {command.example}" if command.example else None,
        allow_abbrev=False,
    )
    for argument in command.arguments:
        parser.add_argument(*argument.names, help=argument.help, **argument.options)
    for flag, meaning in GLOBAL_FLAGS.items():
        parser.add_argument(flag, help=meaning, action="store_true")
    return parser


def program_help() -> str:
    """Return the help page of the whole program."""
    width = max(len(command.name) for command in COMMANDS)
    lines = [
        "usage: annotator [COMMAND] [ARGUMENTS]",
        "",
        "Multi-rater medical image annotation: draw, fuse, see where raters disagree, adjudicate.",
        "Without a command the window opens; with a project alone, on that project.",
        "",
        "commands:",
        *(f"  {command.name:{width}}  {command.summary}" for command in COMMANDS),
        "",
        "options of every command:",
        *(f"  {flag:{width}}  {meaning}" for flag, meaning in GLOBAL_FLAGS.items()),
        f"  {'--help':{width}}  show the arguments of a command",
        f"  {'--version':{width}}  show the version of the program",
        "",
        "exit codes: 0 done, 1 failed, 2 the command line was not understood, 130 interrupted",
    ]
    return "\n".join(lines) + "\n"


def _looks_like_project(word: str) -> bool:
    return "://" in word or os.sep in word or os.path.exists(word)


def _program_flags() -> tuple[str, ...]:
    return (*GLOBAL_FLAGS, "--help", "--version")


def _unknown_arguments(
    command: Command, parser: argparse.ArgumentParser, unknown: Sequence[str]
) -> str:
    page = f"{parser.prog} --help"
    flags = [flag for flag in unknown if flag.startswith("-")]
    if flags:
        known = [name for entry in command.arguments for name in entry.names if name[0] == "-"]
        return _unknown("option", flags[0].split("=")[0], (*known, *_program_flags()[:3]), page)
    return f"`{parser.prog}` does not take {unknown[0]!r} as well; see `{page}`"


def _unknown(kind: str, given: str, known: Iterable[str], page: str) -> str:
    close = get_close_matches(given, list(known), n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return (
        f"no {kind} {given!r}{hint} See `{page}`" if hint else f"no {kind} {given!r}; see `{page}`"
    )
