"""How a model gets better as a person corrects it, and whether it should choose the next cases.

``python docs/studies/loop.py`` rewrites the tables of docs/studies/loop.md, docs/studies/loop.json
and docs/pictures/study-loop.png from volumes of the hippocampus in ../shared/data/hippocampus
(Medical Segmentation Decathlon). Each step goes through a project: cases are imported, a reader
draws, a model is trained, evaluated on gold cases and reads the others; the reader corrects.
``--quick`` does one seed with two short rounds a training. What is done of each seed is kept, so
that ``--seeds`` may add others later.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from loop_page import STEPS, WAYS, Looked, Round, Trial, load, save, write_page

from annotator.analysis.runs import decode, encode
from annotator.api import no_progress
from annotator.cli.readings import read_mask
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import Label, LabelSchema
from annotator.jobs.handlers import HANDLERS
from annotator.jobs.next_cases import find_next_cases
from annotator.jobs.training import predict_by_fit, reader_name
from annotator.session.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.runs import MaskRuns

HERE = Path(__file__).parent
DATA = HERE.parents[1].parent / "shared" / "data" / "hippocampus"
SEEDS = (1, 2, 3)
SCHEMA = LabelSchema(
    name="hippocampus",
    title="Hippocampus",
    labels=(
        Label(value=1, name="Anterior", color="#e69f00"),
        Label(value=2, name="Posterior", color="#56b4e9"),
    ),
    fields=(),
)
TRAINING = {
    "dimensions": "2d",
    "width": 8,
    "levels": 4,
    "epochs": 25,
    "steps": 20,
    "batch": 8,
    "learning_rate": 6e-3,
    "held_out": 0.0,
}
"""Smaller than what comes by itself: half a minute a training, so that many can be compared."""


class Loop:
    """A project with a reader who knows the truth, in which cases are drawn one after another."""

    def __init__(self, session: Session, files: Mapping[str, Path], seed: int) -> None:
        self.open(session)
        self.seed = seed
        report = session.import_studies(list(files.values()))
        self.truth: dict[str, MaskRuns] = {}
        for case in report.cases:
            labels = DATA / "labelsTr" / f"{case.title}.nii.gz"
            mask, _ = read_mask(self.registry, labels, no_progress)
            self.truth[case.case_id] = encode(mask.astype(np.uint8))
        by_title = sorted(report.cases, key=lambda entry: entry.title)
        order = np.random.default_rng(seed).permutation(len(by_title))
        ids = [by_title[place].case_id for place in order]
        self.pool, self.gold = ids[: STEPS[-1]], ids[STEPS[-1] :]
        self.reader = session.add_rater("Reader").rater_id
        for case_id in self.gold:
            self.store.put_gold(
                case_id,
                mask=self.truth[case_id],
                diagnosis=Diagnosis(),
                source="Medical Segmentation Decathlon",
                actor="study",
            )

    def open(self, session: Session) -> None:
        """Go on in this project, the same one or a copy of it."""
        self.store, self.registry = session.store, session.registry

    def draw(self, case_ids: Sequence[str]) -> None:
        """Let the reader draw cases, or correct what a model drew: the truth, either way."""
        for case_id in case_ids:
            self.store.add_annotation(
                case_id, self.reader, self.truth[case_id], Diagnosis(), actor="study"
            )

    def train(self) -> str:
        """Train on all that was drawn and return the fit."""
        parameters = {"seed": self.seed, **TRAINING}
        given = {"trainer": "unet", "target": "readings", "parameters": parameters}
        return str(HANDLERS["train"](self.store, self.registry, given, no_progress)["fit"])

    def dice(self, fit_id: str) -> float:
        """Return the mean Dice over labels and gold cases."""
        given = {"fit": fit_id, "against": "gold"}
        found = HANDLERS["evaluate"](self.store, self.registry, given, no_progress)
        summary = json.loads(json.dumps(found))["summary"]
        return float(np.mean([entry["dice"]["value"] for entry in summary]))

    def look(self, fit_id: str, drawn: Sequence[str]) -> list[Looked]:
        """Let the model read all that is not drawn; in the order in which it would go on."""
        found = {}
        for case_id in (*self.pool, *self.gold):
            if case_id in drawn:
                continue
            read = predict_by_fit(
                self.store, self.registry, fit_id, case_id, no_progress, actor="study"
            )
            if read.annotation is None:
                raise AssertionError("a U-Net draws")
            (kept,) = self.store.annotation_masks([read.annotation.annotation_id])
            found[case_id] = measures(decode(kept), decode(self.truth[case_id]))
        name = reader_name(self.store, self.registry, self.store.fit(fit_id), None)
        order = find_next_cases(self.store, no_progress, model=name).cases
        return [
            Looked(
                case_id=entry.case_id,
                is_gold=entry.case_id in self.gold,
                doubt=entry.uncertainty or 0.0,
                gain=entry.gain,
                dice=found[entry.case_id][0],
                changed=found[entry.case_id][1],
            )
            for entry in order
        ]


def measures(mask: NDArray[np.integer], truth: NDArray[np.integer]) -> tuple[float, float]:
    """Return the mean Dice over labels, and how many voxels are wrong against those to be drawn."""
    dice = [
        2.0
        * ((mask == value) & (truth == value)).sum()
        / ((mask == value).sum() + (truth == value).sum())
        for value in SCHEMA.values
    ]
    return float(np.mean(dice)), float((mask != truth).sum() / (truth > 0).sum())


def run(seed: int, files: Mapping[str, Path]) -> Trial:
    """Go through the loop in all ways, which share the first training, and the cases of the last.

    The last is done once: by then all cases are drawn, whatever their order was.
    """
    with tempfile.TemporaryDirectory() as place:
        projects = [Path(place) / way for way in WAYS]
        with Session.create(projects[0], schema=SCHEMA, title="Loop") as session:
            loop = Loop(session, files, seed)
            drawn = loop.pool[: STEPS[0]]
            loop.draw(drawn)
            fit_id = loop.train()
            first = (loop.dice(fit_id), loop.look(fit_id, drawn))
        for project in projects[1:]:
            shutil.copytree(projects[0], project)
        rounds: list[Round] = []
        last: float | None = None
        for way, project in zip(WAYS, projects, strict=True):
            with Session.open(project) as session:
                loop.open(session)
                rounds += go_on(loop, way, drawn, first, last)
                last = rounds[-1].dice
    return Trial(seed=seed, rounds=tuple(rounds))


def go_on(
    loop: Loop,
    way: str,
    drawn: Sequence[str],
    first: tuple[float, list[Looked]],
    last: float | None,
) -> list[Round]:
    """Correct, train and judge from the first training on; ``last`` is the Dice with all cases."""
    found: list[Round] = []
    dice, looked = first
    for n_cases, following in pairwise(STEPS):
        chosen = choose(way, loop.pool, looked, following - n_cases)
        changed = {entry.case_id: entry.changed for entry in looked}
        found.append(
            Round(
                way=way,
                n_cases=n_cases,
                dice=dice,
                share_changed=float(np.mean([changed[case_id] for case_id in chosen])),
                looked=tuple(looked),
            )
        )
        tell(loop.seed, found[-1])
        loop.draw(chosen)
        drawn = [*drawn, *chosen]
        if following == STEPS[-1] and last is not None:
            dice, looked = last, []
            continue
        fit_id = loop.train()
        dice, looked = loop.dice(fit_id), loop.look(fit_id, drawn)
    found.append(
        Round(way=way, n_cases=STEPS[-1], dice=dice, share_changed=None, looked=tuple(looked))
    )
    tell(loop.seed, found[-1])
    return found


def choose(way: str, pool: Sequence[str], looked: Sequence[Looked], n_wanted: int) -> list[str]:
    """Return the cases to correct next: by chance, by the model, or those that it draws worst."""
    rest = [entry for entry in looked if not entry.is_gold]
    if way == "chance":
        rest.sort(key=lambda entry: pool.index(entry.case_id))
    elif way == "truth":
        rest.sort(key=lambda entry: entry.dice)
    return [entry.case_id for entry in rest[:n_wanted]]


def tell(seed: int, found: Round) -> None:
    """Say how a round went."""
    sys.stdout.write(f"seed {seed}, by {found.way}, {found.n_cases} cases: Dice {found.dice:.3f}\n")
    sys.stdout.flush()


def run_alone(seed: int, *, is_quick: bool, files: Mapping[str, Path]) -> Trial:
    """Go through the loop of one seed, in a process of its own."""
    import torch

    torch.set_num_threads(1)
    if is_quick:
        TRAINING.update(epochs=2, steps=2)
    return run(seed, files)


def main() -> int:
    """Run the study, or say why not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed, hardly trained")
    parser.add_argument("--out", type=Path, help="write page, numbers and picture there instead")
    parser.add_argument("--jobs", type=int, default=1, help="seeds at a time (%(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="which to run anew")
    given = parser.parse_args()
    files = {path.name: path for path in sorted((DATA / "imagesTr").glob("*.nii.gz"))}
    if len(files) <= STEPS[-1]:
        sys.stderr.write(f"skipped: {DATA} does not hold the volumes of the hippocampus\n")
        return 0
    if given.quick and given.out is None:
        parser.error("--quick needs --out: its numbers are not for the page")
    trials = {} if given.quick else load(given.out or HERE)
    seeds = given.seeds[:1] if given.quick else given.seeds
    with ProcessPoolExecutor(given.jobs, get_context("spawn")) as pool:
        one = partial(run_alone, is_quick=given.quick, files=files)
        for job in as_completed([pool.submit(one, seed) for seed in seeds]):
            trials[job.result().seed] = job.result()
            save(trials, given.out or HERE)
            write_page(trials, given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
