"""What a training of 50, 500 and 5,000 cases costs: memory, and time to its first step.

A project of pictures of 64 × 64 pixels, each with a disc that one reader drew; the plain U-Net
learns from those that were read by then, for a few steps, in a process of its own. ``memory_mb`` is
the least that can be set, so that not all cases fit. Peak memory is that of the whole process, with
PyTorch in it; time to the first step begins with the job and is of the clock and of the processor.

``python tests/benchmarks/bench_training_cases.py [--cases 50 500 5000]``
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "plugins"))
sys.path.insert(0, str(Path(__file__).parents[2]))

from annotator.analysis.runs import encode
from annotator.api import series_id
from annotator.domain.geometry import Geometry
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import Label, LabelSchema
from annotator.domain.study import Series
from annotator.jobs.handlers import HANDLERS
from annotator.registry import Registry
from annotator.store import Store
from tests.benchmarks.reading_sets import say

if TYPE_CHECKING:
    from collections.abc import Sequence

SIDE = 64
SCHEMA = LabelSchema(
    name="discs",
    title="Discs",
    labels=(Label(value=1, name="Disc", color="#e69f00"),),
    fields=(),
)
SETTINGS = {
    "dimensions": "2d",
    "width": 4,
    "levels": 3,
    "epochs": 2,
    "steps": 40,
    "batch": 16,
    "memory_mb": 64,
}


def read_cases(store: Store, reader: str, numbers: Sequence[int]) -> None:
    """Add cases, each with the disc that the reader drew."""
    y, x = np.mgrid[:SIDE, :SIDE]
    geometry = Geometry(shape=(1, SIDE, SIDE), spacing_mm=(1.0, 1.0, 1.0))
    for number in numbers:
        random = np.random.default_rng(number)
        middle = random.uniform(20, 44, 2)
        disc = np.hypot(y - middle[0], x - middle[1]) < random.uniform(8, 16)
        voxels = (100 * disc + random.normal(0, 30, disc.shape)).astype(np.int16)[None]
        key = series_id(geometry, voxels)
        series = Series(
            series_id=key,
            kind="volume",
            modality="MR",
            description="disc",
            geometry=geometry,
            dtype=voxels.dtype.name,
        )
        store.add_series(series, voxels, actor="bench")
        case = store.add_case(f"Disc {number}", [key], actor="bench")
        mask = encode(disc[None].astype(np.uint8))
        store.add_annotation(case.case_id, reader, mask, Diagnosis(), actor="bench")


def train(location: str) -> None:
    """Train in this process, and print what it took as JSON."""
    import torch

    torch.set_num_threads(1)
    begun = (time.perf_counter(), time.process_time())
    first: list[tuple[float, float]] = []
    n_told = 0

    def look(_: float, message: str) -> None:
        nonlocal n_told
        n_told += message.startswith("round")
        if n_told == 2 and not first:  # the second step begins: the first is done
            first.append((time.perf_counter() - begun[0], time.process_time() - begun[1]))

    given = {"trainer": "unet", "target": "readings", "parameters": SETTINGS}
    with Store.open(location) as store:
        HANDLERS["train"](store, Registry.load(), given, look)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say(json.dumps({"peak_mb": peak_mb, "first_s": first[0][0], "first_cpu_s": first[0][1]}))


def main() -> int:
    """Build the project step by step, and train at each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, nargs="+", default=[50, 500, 5000])
    parser.add_argument("--train", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.train:
        train(given.train)
        return 0
    say("| cases | peak memory, MB | to the first step, s | of it on the processor, s |")
    say("| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as place:
        location = Path(place) / "project"
        with Store.create(location, title="Discs", schema=SCHEMA, seed=1) as store:
            reader = store.add_rater("Reader", actor="bench").rater_id
        done = 0
        for n_cases in sorted(given.cases):
            with Store.open(location) as store:
                read_cases(store, reader, range(done, n_cases))
            done = n_cases
            words = [sys.executable, __file__, "--train", str(location)]
            told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
            found = json.loads(told.splitlines()[-1])
            say(
                f"| {n_cases:,} | {found['peak_mb']:.0f} | {found['first_s']:.1f} | "
                f"{found['first_cpu_s']:.1f} |"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
