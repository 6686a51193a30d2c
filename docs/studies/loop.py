"""How a model gets better as a person corrects it, and whether it should choose the next cases.

``python docs/studies/loop.py`` rewrites the table of docs/studies/loop.md and
docs/pictures/study-loop.png from volumes of the hippocampus in ../shared/data/hippocampus (Medical
Segmentation Decathlon). Each step goes through a project: cases are imported, a reader draws, a
model is trained, evaluated on gold cases and reads the others; the reader corrects. ``--quick``
does one seed with two rounds of training each.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.next_cases import Candidate, doubt_of_map, next_cases
from annotator.analysis.runs import decode, encode
from annotator.api import no_progress
from annotator.cli.readings import read_mask
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import Label, LabelSchema
from annotator.jobs.handlers import HANDLERS
from annotator.jobs.training import ask_model, drawn_mask
from annotator.session.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annotator.analysis.runs import MaskRuns

    Seen = tuple[float, float, tuple[float, ...]]
    """How unsure the model is of a case, the share to be changed in it, its features."""

HERE = Path(__file__).parent
PAGE = HERE / "loop.md"
PICTURE = HERE.parent / "pictures" / "study-loop.png"
DATA = HERE.parents[1].parent / "shared" / "data" / "hippocampus"
SEEDS = (1, 2, 3)
STEPS = (5, 8, 11, 14)
"""Cases that are drawn or corrected at each training; the others of 20 are gold cases."""
WAYS = ("chance", "model")
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
    "size": 32,
    "width": 8,
    "levels": 4,
    "epochs": 26,
    "steps": 12,
    "batch": 6,
    "learning_rate": 6e-3,
    "held_out": 0.0,
}
"""Far smaller than what comes by itself: a training takes seconds, so that many can be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One training: how many cases it had, and the mean Dice over labels and gold cases.

    ``share_changed`` is how many voxels the reader had to change in the cases that came next, as a
    share of those that are right to be drawn; None after the last training.
    """

    seed: int
    way: str
    n_cases: int
    dice: float
    share_changed: float | None


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
        self.pool, gold = ids[: STEPS[-1]], ids[STEPS[-1] :]
        self.reader = session.add_rater("Reader").rater_id
        for case_id in gold:
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

    def read_rest(self, fit_id: str, drawn: Sequence[str]) -> dict[str, Seen]:
        """Let the model read the cases of the pool that are not drawn yet."""
        found = {}
        for case_id in self.pool:
            if case_id in drawn:
                continue
            case = self.store.case(case_id)
            _, prediction = ask_model(self.store, self.registry, fit_id, case, no_progress)
            if prediction.probability is None:
                raise AssertionError("a U-Net draws")
            mask, truth = drawn_mask(prediction), decode(self.truth[case_id])
            share = prediction.probability.clip(1e-6, 1.0)
            entropy = -(share * np.log(share)).sum(axis=0) / np.log(len(share))
            changed = (mask != truth).sum() / (truth > 0).sum()
            sizes = tuple(float((mask == value).sum()) for value in SCHEMA.values)
            found[case_id] = (doubt_of_map(entropy, mask), float(changed), sizes)
        return found


def run(seed: int, files: Mapping[str, Path]) -> list[Round]:
    """Go through the loop both ways, which share the first training, and the cases of the last."""
    with tempfile.TemporaryDirectory() as place:
        first, second = Path(place) / "chance", Path(place) / "model"
        with Session.create(first, schema=SCHEMA, title="Loop") as session:
            loop = Loop(session, files, seed)
            drawn = loop.pool[: STEPS[0]]
            loop.draw(drawn)
            fit_id = loop.train()
            dice = loop.dice(fit_id)
            known = loop.read_rest(fit_id, drawn)
        shutil.copytree(first, second)
        rounds: list[Round] = []
        last: float | None = None
        for way, project in zip(WAYS, (first, second), strict=True):
            with Session.open(project) as session:
                loop.open(session)
                rounds += go_on(loop, way, drawn, dice, known, last)
                last = rounds[-1].dice
    return rounds


def go_on(
    loop: Loop,
    way: str,
    drawn: Sequence[str],
    dice: float,
    known: Mapping[str, Seen],
    last: float | None,
) -> list[Round]:
    """Correct, train and judge from the first training on; ``last`` is the Dice with all cases."""
    found: list[Round] = []
    for n_cases, following in pairwise(STEPS):
        rest = [case_id for case_id in loop.pool if case_id not in drawn]
        chosen = choose(way, rest, known, following - n_cases)
        changed = float(np.mean([known[case_id][1] for case_id in chosen]))
        found.append(
            Round(seed=loop.seed, way=way, n_cases=n_cases, dice=dice, share_changed=changed)
        )
        tell(found[-1])
        loop.draw(chosen)
        drawn = [*drawn, *chosen]
        if following == STEPS[-1] and last is not None:
            dice = last
            continue
        fit_id = loop.train()
        dice = loop.dice(fit_id)
        known = loop.read_rest(fit_id, drawn)
    found.append(Round(seed=loop.seed, way=way, n_cases=STEPS[-1], dice=dice, share_changed=None))
    tell(found[-1])
    return found


def choose(
    way: str,
    rest: Sequence[str],
    known: Mapping[str, Seen],
    n_wanted: int,
) -> list[str]:
    """Return the cases to correct next: the first of the pool, or those with most to gain."""
    if way == "chance":
        return list(rest[:n_wanted])
    candidates = [
        Candidate(case_id=case_id, uncertainty=doubt, features=sizes)
        for case_id, (doubt, _, sizes) in known.items()
    ]
    return [entry.case_id for entry in next_cases(candidates, n=n_wanted)]


def tell(found: Round) -> None:
    """Say how a round went."""
    sys.stdout.write(
        f"seed {found.seed}, by {found.way}, {found.n_cases} cases: Dice {found.dice:.3f}\n"
    )
    sys.stdout.flush()


def table(rounds: Sequence[Round]) -> str:
    """Return the means over seeds, with their range, as a table."""
    lines = [
        "| cases corrected | next cases by | Dice on gold cases | least to most | "
        "to change in the next cases |",
        "| --- | --- | --- | --- | --- |",
    ]
    grouped = defaultdict(list)
    for entry in rounds:
        grouped[entry.n_cases, entry.way].append(entry)
    for (n_cases, way), entries in sorted(grouped.items()):
        dice = [entry.dice for entry in entries]
        changed = [entry.share_changed for entry in entries if entry.share_changed is not None]
        share = f"{100 * np.mean(changed):.0f} %" if changed else "–"
        lines.append(
            f"| {n_cases} | {way} | {np.mean(dice):.3f} | {min(dice):.3f} to {max(dice):.3f} | "
            f"{share} |"
        )
    return "\n".join(lines)


def plot(rounds: Sequence[Round], path: Path) -> None:
    """Draw the Dice against the number of corrected cases, a thin line for each seed."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), dpi=110)
    for way, colour in zip(WAYS, ("#56b4e9", "#d55e00"), strict=True):
        curves = [
            [entry.dice for entry in rounds if (entry.way, entry.seed) == (way, seed)]
            for seed in sorted({entry.seed for entry in rounds})
        ]
        for curve in curves:
            axes.plot(STEPS, curve, color=colour, linewidth=0.8, alpha=0.5)
        mean = np.mean(curves, axis=0)
        axes.plot(STEPS, mean, color=colour, linewidth=2.5, marker="o", label=f"chosen by {way}")
    axes.set_xlabel("cases drawn or corrected")
    axes.set_ylabel("mean Dice on six cases never learned from")
    axes.set_xticks(STEPS)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)


def run_alone(seed: int, *, is_quick: bool, files: Mapping[str, Path]) -> list[Round]:
    """Go through the loop of one seed, in a process of its own."""
    import torch

    torch.set_num_threads(1)
    if is_quick:
        TRAINING["epochs"] = 2
    return run(seed, files)


def main() -> int:
    """Run the study, or say why not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed, two rounds a training")
    parser.add_argument("--out", type=Path, help="write the table and the picture there instead")
    parser.add_argument("--jobs", type=int, default=1, help="seeds at a time (%(default)s)")
    given = parser.parse_args()
    files = {path.name: path for path in sorted((DATA / "imagesTr").glob("*.nii.gz"))}
    if len(files) <= STEPS[-1]:
        sys.stderr.write(f"skipped: {DATA} does not hold the volumes of the hippocampus\n")
        return 0
    seeds = SEEDS[: 1 if given.quick else None]
    with ProcessPoolExecutor(given.jobs, get_context("spawn")) as pool:
        found = pool.map(partial(run_alone, is_quick=given.quick, files=files), seeds)
        rounds = [entry for one in found for entry in one]
    told = table(rounds)
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "loop-table.md").write_text(told, encoding="utf-8")
        plot(rounds, given.out / "loop.png")
        return 0
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition("<!-- table -->\n")
    _, end, after = rest.partition("<!-- /table -->")
    PAGE.write_text(f"{before}<!-- table -->\n{told}\n{end}{after}", encoding="utf-8")
    plot(rounds, PICTURE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
