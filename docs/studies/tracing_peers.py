"""Ask NeuroM about SWC files: run by the Python that has it, answers as JSON.

``python tracing_peers.py FILE.swc…`` writes ``{file: [[check, x, y, z], …]}``, or the reason in
words where NeuroM refuses the file.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import numpy as np

CHECKS = (
    "has_multifurcation",
    "has_no_back_tracking",
    "has_no_dangling_branch",
    "has_no_fat_ends",
    "has_no_jumps",
    "has_no_narrow_start",
    "has_no_overlapping_point",
)


def ask(path: str) -> list[list[object]]:
    """Return what NeuroM's checks of a morphology say of a file: check and place."""
    import neurom
    from neurom.check import morphology_checks

    morphology = neurom.load_morphology(path)
    told: list[list[object]] = []
    for name in CHECKS:
        answer: Any = getattr(morphology_checks, name)(morphology)
        for *_, place in answer.info or ():
            x, y, z = np.asarray(place, float).reshape(-1)[:3].tolist()
            told.append([name, x, y, z])
    return told


def main() -> None:
    """Answer for each file; a refusal is an answer."""
    warnings.simplefilter("ignore")
    answers: dict[str, object] = {}
    for path in sys.argv[1:]:
        try:
            answers[path] = ask(path)
        except Exception as error:
            answers[path] = f"{type(error).__name__}: {error}"[:200]
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
