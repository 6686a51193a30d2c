"""From words to an exit code: no traceback reaches anybody who did not ask for it."""

from __future__ import annotations

import json
import os
import sys
import warnings
from importlib import import_module
from typing import TYPE_CHECKING

from annotator.cli.parser import HelpAsked, UsageError, parse
from annotator.cli.progress import Progress
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from annotator.cli.command import Command, Result

FAILED, NOT_UNDERSTOOD, INTERRUPTED, NO_READER = 1, 2, 130, 141


def main(words: Sequence[str] | None = None) -> int:
    """Run the program with command-line words; return its exit code."""
    given = sys.argv[1:] if words is None else list(words)
    is_json = "--json" in given
    try:
        code = _main(given, is_json=is_json)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has gone; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER
    except KeyboardInterrupt:
        _complain("interrupted", is_json=is_json)
        return INTERRUPTED
    return code


def _main(words: list[str], *, is_json: bool) -> int:
    if "--debug" not in words:
        warnings.simplefilter("ignore")
    try:
        command, arguments = parse(words)
    except HelpAsked as page:
        sys.stdout.write(str(page))
        return 0
    except UsageError as error:
        _complain(str(error), is_json=is_json)
        return NOT_UNDERSTOOD
    try:
        with Progress(sys.stderr) as progress:
            result = _function(command)(arguments, progress)
    except Exception as error:
        if arguments.debug:
            _write_traceback()
        _complain(_words(error), is_json=is_json)
        return FAILED
    return _tell(result, is_json=is_json)


def _function(command: Command) -> Callable[[argparse.Namespace, Progress], Result]:
    module, name = command.run.split(":")
    function: Callable[[argparse.Namespace, Progress], Result]
    function = getattr(import_module(module), name)
    return function


def _tell(result: Result, *, is_json: bool) -> int:
    if result.is_told:
        if is_json:
            document = dict(result.document) | ({"error": result.error} if result.error else {})
            sys.stdout.write(json.dumps(document, indent=2) + "\n")
        else:
            sys.stdout.writelines(f"{_printable(line)}\n" for line in result.lines)
            if result.error:
                _complain(result.error, is_json=False)
    return FAILED if result.error else result.exit_code


def _complain(message: str, *, is_json: bool) -> None:
    if is_json:
        sys.stdout.write(json.dumps({"error": message}) + "\n")
    else:
        sys.stderr.write(f"annotator: {' '.join(message.split())}\n")


def _printable(line: str) -> str:
    encoding = sys.stdout.encoding or "utf-8"
    return line.encode(encoding, "replace").decode(encoding)


def _words(error: Exception) -> str:
    if isinstance(error, AnnotatorError):
        return str(error)
    if isinstance(error, MemoryError):
        return "this needs more memory than there is"
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}"
    return (
        f"something went wrong that should not ({type(error).__name__}: {error}); "
        "--debug shows where"
    )


def _write_traceback() -> None:
    import traceback

    traceback.print_exc(file=sys.stderr)
