"""Networks on disk are looked at in a process of its own: ``python -m annotator.jobs.looking``.

Whatever a file does to the library that reads it, the window goes on. The program reads a line of
JSON with a path, and writes one with what it found.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from annotator.api.network_cards import card_from
from annotator.domain.errors import AnnotatorError, UnsuitableError
from annotator.jobs.supplying import SeenNetwork, see
from annotator.registry import Registry

LONGEST_S = 300.0
"""A file that takes longer to look at is given up."""


def see_apart(path: str | Path) -> SeenNetwork:
    """Look at a file or folder in another process.

    Raises AnnotatorError where it holds no network, is refused, or ends the process that looks.
    """
    place = Path(path).expanduser().absolute()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "annotator.jobs.looking"],
            input=json.dumps({"path": str(place)}).encode() + b"\n",
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise AnnotatorError(
            f"{place.name} was looked at for {LONGEST_S / 60:.0f} minutes without an end; nothing "
            "of it was taken in"
        ) from error
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise AnnotatorError(_epitaph(place, done.returncode)) from error
    if "error" in told:
        kind = UnsuitableError if told["unsuitable"] else AnnotatorError
        raise kind(told["error"])
    return SeenNetwork(
        path=place,
        format=told["format"],
        format_title=told["title"],
        card=card_from(told["card"], what=f"the card of {place.name}"),
        files=tuple(Path(file) for file in told["files"]),
    )


def _epitaph(place: Path, code: int) -> str:
    return (
        f"the process that looked at {place.name} ended with code {code} before it could tell "
        "anything: the file is damaged, made to do harm, or larger than the memory. Nothing of it "
        "was taken in"
    )


def main() -> int:
    """Look at one path."""
    out = sys.stdout
    # What a plugin prints must not get into the answer.
    sys.stdout = sys.stderr
    path = Path(json.loads(sys.stdin.readline())["path"])
    told: dict[str, Any]
    try:
        seen = see(Registry.load(), path)
    except AnnotatorError as error:
        told = {"error": str(error), "unsuitable": isinstance(error, UnsuitableError)}
    except MemoryError:
        told = {"error": f"{path.name} needs more memory than there is", "unsuitable": False}
    else:
        told = {
            "format": seen.format,
            "title": seen.format_title,
            "card": asdict(seen.card),
            "files": [str(file) for file in seen.files],
        }
    json.dump(told, out)
    out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
