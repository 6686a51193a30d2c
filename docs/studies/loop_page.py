"""What came of the loop: numbers that are kept, tables of the page, the picture."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import spearmanr, t

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).parent
PICTURE = HERE.parent / "pictures" / "study-loop.png"
STEPS = (5, 8, 11, 15)
"""Cases that are drawn or corrected at each training; the others of 20 are gold cases."""
WAYS = ("chance", "model", "truth")
WORDS = {"chance": "chance", "model": "the model", "truth": "the truth (worst drawn first)"}
COLOURS = {"chance": "#56b4e9", "model": "#d55e00", "truth": "#009e73"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a model makes of a case that it did not learn from.

    Attributes
    ----------
    doubt : float
        The share of cases that it is less unsure of, 0 to 1.
    gain : float
        By which the cases are put in order, 0 to 1.
    dice, changed : float
        What is right: the mean Dice over labels, and the voxels to be changed as a share of those
        that are right to be drawn.
    """

    case_id: str
    is_gold: bool
    doubt: float
    gain: float
    dice: float
    changed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One training: how many cases it had, and the mean Dice over labels and gold cases.

    ``share_changed`` is the mean of `Looked.changed` over the cases that came next, None after the
    last training; ``looked`` has all that the model did not learn from, in the order in which the
    model would go on.
    """

    way: str
    n_cases: int
    dice: float
    share_changed: float | None
    looked: tuple[Looked, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The loop of one seed, in all ways."""

    seed: int
    rounds: tuple[Round, ...]


def save(trials: Mapping[int, Trial], folder: Path) -> None:
    """Keep all numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    told = [asdict(trials[seed]) for seed in sorted(trials)]
    (folder / "loop.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def load(folder: Path) -> dict[int, Trial]:
    """Return the numbers that are kept, by seed."""
    path = folder / "loop.json"
    if not path.is_file():
        return {}
    found = {}
    for entry in json.loads(path.read_text(encoding="utf-8")):
        rounds = [
            Round(**{**one, "looked": tuple(Looked(**row) for row in one["looked"])})
            for one in entry["rounds"]
        ]
        found[entry["seed"]] = Trial(seed=entry["seed"], rounds=tuple(rounds))
    return found


def write_page(trials: Mapping[int, Trial], out: Path | None) -> None:
    """Write tables and picture into the page, or into one beside it in ``out``."""
    page = (HERE / "loop.md").read_text(encoding="utf-8")
    for name, table in (("dice", dice_table), ("doubt", doubt_table)):
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n{table(list(trials.values()))}\n\n{end}{after}"
    (HERE if out is None else out).joinpath("loop.md").write_text(page, encoding="utf-8")
    plot(list(trials.values()), PICTURE if out is None else out / "study-loop.png")


def dice_table(trials: Sequence[Trial]) -> str:
    """Return means over seeds, and what each way gains over chance in the same seeds."""
    lines = [
        "| cases corrected | next cases by | Dice on gold cases | against chance | "
        "to change in the next cases |",
        "| --- | --- | --- | --- | --- |",
    ]
    for n_cases in STEPS:
        for way in WAYS:
            rounds = [_round(trial, way, n_cases) for trial in trials]
            chance = [_round(trial, "chance", n_cases).dice for trial in trials]
            dice = np.array([entry.dice for entry in rounds])
            apart = "–"
            if way != "chance" and n_cases not in (STEPS[0], STEPS[-1]):
                apart = interval(dice - chance)
            changed = [entry.share_changed for entry in rounds if entry.share_changed is not None]
            share = f"{100 * np.mean(changed):.0f} %" if changed else "–"
            lines.append(
                f"| {n_cases} | {WORDS[way]} | {dice.mean():.3f} ({dice.min():.3f} to "
                f"{dice.max():.3f}) | {apart} | {share} |"
            )
    return "\n".join(lines)


def doubt_table(trials: Sequence[Trial]) -> str:
    """Return how far doubt, and the order of choice, go with what is wrong, by training."""
    lines = [
        "| trained on | trainings | cases read by each | doubt against Dice | gain against Dice |",
        "| --- | --- | --- | --- | --- |",
    ]
    for n_cases in STEPS:
        found = [
            entry.looked
            for trial in trials
            for entry in trial.rounds
            if entry.n_cases == n_cases
            and entry.looked
            and (entry.way == WAYS[0] or n_cases != STEPS[0])
        ]
        doubt = [_correlation([one.doubt for one in rows], rows) for rows in found]
        gain = [_correlation([one.gain for one in rows], rows) for rows in found]
        lines.append(
            f"| {n_cases} | {len(found)} | {len(found[0])} | {interval(doubt, digits=2)} | "
            f"{interval(gain, digits=2)} |"
        )
    return "\n".join(lines)


def interval(values: Sequence[float] | np.ndarray, digits: int = 3) -> str:
    """Return the mean with its 95 % interval by Student's t, as words."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{mean:+.{digits}f}"
    wide = float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return f"{mean:+.{digits}f} ({mean - wide:+.{digits}f} to {mean + wide:+.{digits}f})"


def plot(trials: Sequence[Trial], path: Path) -> None:
    """Draw the Dice against the number of corrected cases, a thin line for each seed."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), dpi=110)
    for way in WAYS:
        curves = [[_round(trial, way, n).dice for n in STEPS] for trial in trials]
        for curve in curves:
            axes.plot(STEPS, curve, color=COLOURS[way], linewidth=0.8, alpha=0.4)
        axes.plot(
            STEPS,
            np.mean(curves, axis=0),
            color=COLOURS[way],
            linewidth=2.5,
            marker="o",
            label=f"chosen by {WORDS[way]}",
        )
    axes.set_xlabel("cases drawn or corrected")
    axes.set_ylabel("mean Dice on five cases never learned from")
    axes.set_xticks(STEPS)
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.35 * (high - low), high)
    axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def _round(trial: Trial, way: str, n_cases: int) -> Round:
    (found,) = (one for one in trial.rounds if (one.way, one.n_cases) == (way, n_cases))
    return found


def _correlation(values: Sequence[float], rows: Sequence[Looked]) -> float:
    return float(spearmanr(values, [one.dice for one in rows]).statistic)
