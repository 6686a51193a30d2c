"""Ask MorphIO, NeuroM and navis about SWC files: run by the Python that has them, answers as JSON.

``python tracing_injected_peers.py FOLDER`` writes ``{file: {peer: [what it says, …]}}``; a refusal
is the one entry ``"refused"``.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def ask_morphio(path: str) -> list[str]:
    """Return the warnings of MorphIO's reader, each with how often."""
    import morphio

    collector = morphio.WarningHandlerCollector()
    morphio.Morphology(path, warning_handler=collector)
    return [str(entry.warning.warning()) for entry in collector.get_all()]


def ask_neurom(path: str) -> list[str]:
    """Return NeuroM's checks that fail, each with how many places it names."""
    import neurom
    from neurom.check import morphology_checks

    morphology = neurom.load_morphology(path)
    told = []
    for name in dir(morphology_checks):
        if name.startswith("has_"):
            try:
                answer = getattr(morphology_checks, name)(morphology)
            except Exception as error:
                told.append(f"{name}: {type(error).__name__}")
                continue
            if not answer.status:
                told.append(f"{name}: {len(answer.info or ())}")
    return told


def ask_navis(path: str) -> list[str]:
    """Return what navis tells of a tree's structure: loops, and parts beyond the first."""
    import navis

    neuron = navis.read_swc(path)
    told = ["cycles"] if neuron.cycles else []
    return [*told, f"trees: {neuron.n_trees}"]


PEERS: dict[str, Callable[[str], list[str]]] = {
    "MorphIO": ask_morphio,
    "NeuroM": ask_neurom,
    "navis": ask_navis,
}


def main() -> None:
    """Answer for each file of the folder."""
    warnings.simplefilter("ignore")
    answers: dict[str, dict[str, list[str]]] = {}
    for path in sorted(Path(sys.argv[1]).glob("*.swc")):
        answers[path.name] = {}
        for name, ask in PEERS.items():
            try:
                answers[path.name][name] = ask(str(path))
            except Exception:
                answers[path.name][name] = ["refused"]
    Path(sys.argv[1], "answers.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main()
