"""Files that are no good tracings: what is said of each, how long it takes, how much memory.

Each is written into a temporary folder and checked by ``annotator check-traces`` in a process of
its own, which may not take more than ``--limit-gb`` of address space and ``--limit-s`` of time.
Told are wall seconds, the most resident memory of that process, its exit code and what it says.

``python bench_hostile_traces.py [--lines N] [--limit-gb N] [--limit-s N]``
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK = 100_000


def lines_of(line: str, parents: Callable[[int, int], int]) -> Callable[[int], Iterator[bytes]]:
    """Return what makes ``n`` lines of a pattern with ``{row}``, ``{near}`` and ``{parent}``."""

    def make(n_lines: int) -> Iterator[bytes]:
        for first in range(1, n_lines + 1, CHUNK):
            yield "".join(
                line.format(row=row, near=row % 1000, parent=parents(row, n_lines)) + "\n"
                for row in range(first, min(first + CHUNK, n_lines + 1))
            ).encode()

    return make


def heap(n_lines: int) -> Iterator[bytes]:
    """Yield nodes by chance in a box of 3 µm: each is near to all."""
    rng = np.random.default_rng(0)
    for first in range(1, n_lines + 1, CHUNK):
        rows = range(first, min(first + CHUNK, n_lines + 1))
        places = rng.uniform(0, 3, (len(rows), 3)).round(3).tolist()
        yield "".join(
            f"{row} 3 {x} {y} {z} 1 {row - 1 or -1}\n"
            for row, (x, y, z) in zip(rows, places, strict=True)
        ).encode()


def nothing(n_lines: int) -> Iterator[bytes]:
    """Yield as many bytes as good lines have, all of them zero."""
    for _ in range(max(1, n_lines // CHUNK)):
        yield bytes(40 * CHUNK)


def one_line(n_lines: int) -> Iterator[bytes]:
    """Yield as many bytes as good lines have, without an end of a line."""
    for _ in range(max(1, n_lines // CHUNK)):
        yield b"1 2 3.5 " * (5 * CHUNK)


def ends_alone(n_lines: int) -> Iterator[bytes]:
    """Yield as many bytes as good lines have, all of them ends of lines."""
    for _ in range(max(1, n_lines // CHUNK)):
        yield b"\n" * (40 * CHUNK)


GOOD = "{row} 3 {near}.5 {row} 0.25 1.0 {parent}"
FILES: dict[str, Callable[[int], Iterator[bytes]]] = {
    "sound, one long path": lines_of(GOOD, lambda row, _: row - 1 or -1),
    "one loop through all": lines_of(GOOD, lambda row, n: row - 1 or n),
    "loops of two": lines_of(GOOD, lambda row, _: row + 1 if row % 2 else row - 1),
    "no parent is there": lines_of(GOOD, lambda row, _: -row - 2 if row == 1 else row + 10**9),
    "all are roots": lines_of(GOOD, lambda _, __: -1),
    "all at one place": lines_of("{row} 3 1 1 1 1 {parent}", lambda row, _: row - 1 or -1),
    "one node with all children": lines_of(GOOD, lambda row, _: 1 if row > 1 else -1),
    "all in a heap": heap,
    "no place is a number": lines_of(
        "{row} 3 nan nan nan nan {parent}", lambda row, _: row - 1 or -1
    ),
    "places of 1e308": lines_of(
        "{row} 3 1e308 -1e308 {row} 1 {parent}", lambda row, _: row - 1 or -1
    ),
    "ids 10^12 apart": lines_of("{row}000000000000 3 {near} 0 0 1 {parent}", lambda _, __: -1),
    "ids of 40 digits": lines_of("{row}" + "0" * 40 + " 3 {near} 0 0 1 -1", lambda _, __: -1),
    "the same id throughout": lines_of("7 3 {near} {row} 0 1 -1", lambda _, __: -1),
    "words": lines_of("a line of {row} words, no node", lambda _, __: -1),
    "every second line a word": lines_of("{row} 3 {near} 0 0 1 {parent}\nword", lambda _, __: -1),
    "one line": one_line,
    "zeros": nothing,
    "ends of lines": ends_alone,
}


def check(path: Path, limit_gb: float, limit_s: float) -> tuple[str, float, float]:
    """Return what came of a check, wall seconds and the most resident memory, GB."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (int(limit_gb * 1e9),) * 2)

    command = [sys.executable, "-m", "annotator", "check-traces", str(path), "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, stdout=told, stderr=said, preexec_fn=limit, env=environment
        )
        status, used = -1, None
        while time.perf_counter() - begun < limit_s:
            done, status, used = os.wait4(process.pid, os.WNOHANG)
            if done:
                break
            time.sleep(0.05)
        else:
            process.kill()
            _, _, used = os.wait4(process.pid, 0)
            return f"stopped after {limit_s:.0f} s", limit_s, used.ru_maxrss / 1e6
        process.returncode = os.waitstatus_to_exitcode(status)
        spent = time.perf_counter() - begun
        told.seek(0)
        said.seek(0)
        words = _summary(told.read(), said.read())
    return f"{words} (exit {process.returncode})", spent, used.ru_maxrss / 1e6


def _summary(told: bytes, said: bytes) -> str:
    try:
        answer = json.loads(told)
    except ValueError:
        return (said or told).decode("utf-8", "replace").strip().splitlines()[-1][:140]
    if "error" in answer:
        return str(answer["error"])[:140]
    counts = answer["files"][0]["counts"]
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "no finding"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--limit-gb", type=float, default=8.0)
    parser.add_argument("--limit-s", type=float, default=600.0)
    parser.add_argument("--only", nargs="*", choices=list(FILES), default=list(FILES))
    options = parser.parse_args()
    sys.stdout.write(
        "| file | MB | s | resident, GB | what is said |\n| --- | --- | --- | --- | --- |\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only:
            path = Path(folder, "hostile.swc")
            with path.open("wb") as file:
                file.writelines(FILES[name](options.lines))
            words, spent, most = check(path, options.limit_gb, options.limit_s)
            size = path.stat().st_size / 1e6
            sys.stdout.write(f"| {name} | {size:.0f} | {spent:.1f} | {most:.2f} | {words} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
