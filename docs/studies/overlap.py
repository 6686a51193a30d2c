"""How much reading a rule for further raters saves, on made cases whose truth is known.

``python docs/studies/overlap.py`` rewrites the tables of docs/studies/overlap.md and
docs/pictures/study-overlap.png; it took 26 minutes on two busy cores. ``--quick --out DIR`` tries
the whole way in a minute.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from annotator.analysis.overlap_trial import read_case, stopped_by
from annotator.analysis.phantoms import MAKERS
from annotator.analysis.runs import encode
from annotator.analysis.simulate import SimulatedRater, simulate_panel
from annotator.analysis.votes import count_near, spread
from annotator.api import VotePatterns
from annotator.domain.geometry import Geometry
from annotator.domain.quality import OverlapRule
from annotator.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.overlap_trial import TrialStep
    from annotator.analysis.phantoms import Shape
    from annotator.analysis.runs import MaskRuns
    from annotator.analysis.votes import VoteRuns

HERE = Path(__file__).parent
PAGE = HERE / "overlap.md"
PICTURE = HERE.parent / "pictures" / "study-overlap.png"
SEEDS = (1, 2, 3, 4, 5, 6, 7, 8)
N_CASES = 30
N_RATERS = 6
LIMITS = (0.0, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
"""Mean Dice below which one more rater is asked: each a point of a curve."""
LABELS = (0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMix:
    """What is drawn, and how hard cases are: ``hard`` of them by the factor that is largest.

    The outlines of all raters are moved by the factor of the case; where ``hard`` is None, it is
    drawn evenly on a log scale between the two.
    """

    title: str
    shape: Shape
    rater: SimulatedRater
    hard: float | None
    factors: tuple[float, float]


_OUTLINES = SimulatedRater(wobble_mm=2.0, wobble_size_mm=6.0)
_LESIONS = SimulatedRater(wobble_mm=0.6, wobble_size_mm=3.0, miss_rate=0.2, n_false=1)
MIXES = {
    "alike": CaseMix(
        title="organ, cases alike",
        shape="organ",
        rater=_OUTLINES,
        hard=1.0,
        factors=(1.0, 1.0),
    ),
    "varied": CaseMix(
        title="organ, cases from easy to hard",
        shape="organ",
        rater=_OUTLINES,
        hard=None,
        factors=(0.5, 2.0),
    ),
    "few": CaseMix(
        title="organ, one case in five hard",
        shape="organ",
        rater=_OUTLINES,
        hard=0.2,
        factors=(0.3, 2.5),
    ),
    "lesions": CaseMix(
        title="small lesions, some overlooked",
        shape="lesions",
        rater=_LESIONS,
        hard=None,
        factors=(0.5, 2.0),
    ),
}
Steps = tuple["TrialStep", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One seed of one mix: every case by whole readings, and by regions after 2 or 3 whole ones."""

    mix: str
    seed: int
    whole: tuple[Steps, ...]
    regions: Mapping[int, tuple[Steps, ...]]


def main(words: list[str] | None = None) -> int:
    """Run the study and write page and picture; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seeds of two cases")
    parser.add_argument("--out", type=Path, help="the directory to write to instead")
    arguments = parser.parse_args(words)
    if arguments.quick and not arguments.out:
        parser.error("--quick needs --out: its numbers are not for the page")
    started = time.monotonic()
    n_cases = 2 if arguments.quick else N_CASES
    jobs = [
        (mix, seed, n_cases) for seed in SEEDS[: 2 if arguments.quick else None] for mix in MIXES
    ]
    trials: dict[str, list[Trial]] = {mix: [] for mix in MIXES}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for trial in pool.map(run_trial, *zip(*jobs, strict=True)):
            trials[trial.mix].append(trial)
            sys.stderr.write(f"{time.monotonic() - started:6.0f} s  {trial.mix} {trial.seed}\n")
    page, picture = PAGE, PICTURE
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        page, picture = arguments.out / PAGE.name, arguments.out / PICTURE.name
        shutil.copy(PAGE, page)
    text = page.read_text(encoding="utf-8")
    tables = {
        "saved": saved_table(trials),
        "rules": rules_table(trials),
        "curves": curves_table(trials),
    }
    for name, table in tables.items():
        text = put_between(text, name, table)
    page.write_text(text, encoding="utf-8")
    draw(trials, picture)
    return 0


def run_trial(mix_name: str, seed: int, n_cases: int) -> Trial:
    """Make the cases of a mix, let everybody read them, and follow the rule on each."""
    mix, fuse = MIXES[mix_name], fuse_by("staple")
    random = np.random.default_rng(seed)
    whole: list[Steps] = []
    regions: dict[int, list[Steps]] = {2: [], 3: []}
    for number in range(n_cases):
        phantom = MAKERS[mix.shape](seed=1000 * seed + number)
        factor = difficulty(mix, random)
        drawn = simulate_panel(
            phantom.truth,
            phantom.spacing_mm,
            [mix.rater.scaled(factor)] * N_RATERS,
            seed=1000 * seed + number,
            nested=phantom.is_nested,
        )
        geometry = Geometry(shape=phantom.truth.shape, spacing_mm=phantom.spacing_mm)
        masks = [encode(mask) for mask in drawn]
        truth = encode(phantom.truth)
        whole.append(read_case(masks, truth, geometry, LABELS, fuse))
        for n_first, found in regions.items():
            found.append(
                read_case(masks, truth, geometry, LABELS, fuse, n_first=n_first, in_regions=True)
            )
    return Trial(
        mix=mix_name,
        seed=seed,
        whole=tuple(whole),
        regions={n_first: tuple(found) for n_first, found in regions.items()},
    )


def difficulty(mix: CaseMix, random: np.random.Generator) -> float:
    """Return by how much the raters' shifts on a case are multiplied."""
    easy, hard = mix.factors
    if mix.hard is None:
        return float(np.exp(random.uniform(np.log(easy), np.log(hard))))
    return hard if random.random() < mix.hard else easy


def fuse_by(name: str) -> Callable[[VoteRuns], MaskRuns]:
    """Return what fuses votes into one mask by an installed method, as the program does."""
    method = Registry.load().fusion_method(name)

    def fuse(votes: VoteRuns) -> MaskRuns:
        given = VotePatterns(
            rater_ids=tuple(str(number) for number in range(votes.patterns.shape[1])),
            patterns=votes.patterns,
            counts=votes.counts,
            labels=votes.labels,
            voxel_mm3=1.0,
            n_near=count_near(votes),
        )
        fused = method.fuse(given, method.parameters())  # type: ignore[union-attr]
        return spread(votes, fused.chosen.astype(np.int64))

    return fuse


def fixed(trial: Trial) -> NDArray[np.float64]:
    """Return mean readings and mean Dice where everybody reads everything, ``(K, 2)``, K from 2."""
    dice = np.array([[step.dice for step in steps] for steps in trial.whole])
    return np.stack([np.arange(2, N_RATERS + 1), dice.mean(axis=0)], axis=1)


def adaptive(trial: Trial, n_first: int, *, in_regions: bool) -> NDArray[np.float64]:
    """Return mean readings and mean Dice of the rule at each limit, ``(limit, 2)``."""
    return np.array(
        [
            follow(
                trial,
                OverlapRule(
                    first_raters=n_first,
                    at_most=N_RATERS,
                    dice_below=limit,
                    on_presence=False,
                    in_regions=in_regions,
                ),
            )
            for limit in LIMITS
        ]
    )


def follow(trial: Trial, rule: OverlapRule) -> tuple[float, float]:
    """Return mean readings and mean Dice where a rule is followed."""
    n_first = rule.first_raters
    cases = trial.regions[n_first] if rule.in_regions else [s[n_first - 2 :] for s in trial.whole]
    ends = [stopped_by(rule, steps) for steps in cases]
    return float(np.mean([end.effort for end in ends])), float(np.mean([end.dice for end in ends]))


def saved(trial: Trial, n_fixed: int, n_first: int, *, in_regions: bool) -> float:
    """Return the share of reading that the rule saves at the quality of ``n_fixed`` raters.

    The readings it needs are interpolated along its curve; where it never gets as good, it is
    taken to need all that it has.
    """
    wanted = float(fixed(trial)[n_fixed - 2, 1])
    curve = adaptive(trial, n_first, in_regions=in_regions)
    best = np.maximum.accumulate(curve[:, 1])
    if wanted <= best[0]:
        needed = float(curve[0, 0])
    elif wanted > best[-1]:
        needed = float(curve[-1, 0])
    else:
        at = int(np.searchsorted(best, wanted))
        share = (wanted - best[at - 1]) / (best[at] - best[at - 1])
        needed = float(curve[at - 1, 0] + share * (curve[at, 0] - curve[at - 1, 0]))
    return 1.0 - needed / n_fixed


def with_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean over seeds and the ends of its 95 % interval (Student's t)."""
    mean, spread_ = float(np.mean(values)), float(np.std(values, ddof=1))
    reach = float(stats.t.ppf(0.975, len(values) - 1)) * spread_ / np.sqrt(len(values))
    return mean, mean - reach, mean + reach


WAYS = (
    ("2 first", 2, False),
    ("3 first", 3, False),
    ("2 first, then regions", 2, True),
    ("3 first, then regions", 3, True),
)


def saved_table(trials: Mapping[str, Sequence[Trial]]) -> str:
    """Return the share of reading saved at the quality of 3 and of 5 raters."""
    lines = [
        "| cases | as good as | " + " | ".join(name for name, _, _ in WAYS) + " |",
        "| --- | --- |" + " --- |" * len(WAYS),
    ]
    for mix, found in trials.items():
        for n_fixed in (3, 5):
            cells = []
            for _, n_first, in_regions in WAYS:
                if n_first >= n_fixed:
                    cells.append("–")
                    continue
                mean, low, high = with_interval(
                    [saved(one, n_fixed, n_first, in_regions=in_regions) for one in found]
                )
                cells.append(f"{100 * mean:.0f} % ({100 * low:.0f} to {100 * high:.0f})")
            lines.append(f"| {MIXES[mix].title} | {n_fixed} raters | {' | '.join(cells)} |")
    return "\n".join(lines)


RULES = (
    ("as it comes: 2 first, 4 at most", OverlapRule()),
    ("3 first, 5 at most", OverlapRule(first_raters=3, at_most=5)),
    ("3 first, 5 at most, regions", OverlapRule(first_raters=3, at_most=5, in_regions=True)),
)


def rules_table(trials: Mapping[str, Sequence[Trial]]) -> str:
    """Return what rules that were set beforehand gain over as many readings, spread evenly."""
    lines = [
        "| cases | rule | readings a case | mean Dice | more than evenly spread |",
        "| --- | --- | --- | --- | --- |",
    ]
    for mix, found in trials.items():
        for name, rule in RULES:
            ends = [follow(one, rule) for one in found]
            gains = [
                dice - float(np.interp(effort, *fixed(one).T))
                for one, (effort, dice) in zip(found, ends, strict=True)
            ]
            effort, dice = np.mean(ends, axis=0)
            mean, low, high = with_interval(gains)
            lines.append(
                f"| {MIXES[mix].title} | {name} | {effort:.2f} | {dice:.3f} | "
                f"{mean:+.3f} ({low:+.3f} to {high:+.3f}) |"
            )
    return "\n".join(lines)


def curves_table(trials: Mapping[str, Sequence[Trial]]) -> str:
    """Return mean Dice where 2 to 6 raters read everything."""
    numbers = range(2, N_RATERS + 1)
    lines = [
        "| cases | " + " | ".join(f"{number} raters" for number in numbers) + " |",
        "| --- |" + " --- |" * len(numbers),
    ]
    for mix, found in trials.items():
        dice = np.array([fixed(one)[:, 1] for one in found])
        cells = []
        for column in dice.T:
            mean, low, high = with_interval(column.tolist())
            cells.append(f"{mean:.3f} ({low:.3f} to {high:.3f})")
        lines.append(f"| {MIXES[mix].title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def put_between(text: str, name: str, table: str) -> str:
    """Return a page with the table between its two marks."""
    first, last = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    before, rest = text.split(first)
    return before + first + table + last + rest.split(last)[1]


def draw(trials: Mapping[str, Sequence[Trial]], path: Path) -> None:
    """Draw mean Dice against readings a case: everybody reads everything, and the rule."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(trials), figsize=(3.4 * len(trials), 3.2), dpi=100)
    for axis, (mix, found) in zip(axes, trials.items(), strict=True):
        curve = np.mean([fixed(one) for one in found], axis=0)
        axis.plot(*curve.T, "o-", color="#000000", label="everybody reads everything")
        for (name, n_first, in_regions), color, line in zip(
            WAYS, ("#e69f00", "#0072b2", "#e69f00", "#0072b2"), ("-", "-", ":", ":"), strict=True
        ):
            curve = np.mean(
                [adaptive(one, n_first, in_regions=in_regions) for one in found], axis=0
            )
            axis.plot(*curve.T, line, marker=".", color=color, label=f"rule, {name}")
        axis.set_title(MIXES[mix].title, fontsize=9)
        axis.set_xlabel("whole readings a case", fontsize=8)
        axis.tick_params(labelsize=8)
    axes[0].set_ylabel("mean Dice of the fusion with the truth", fontsize=8)
    axes[-1].legend(fontsize=7, loc="lower right")
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


if __name__ == "__main__":
    sys.exit(main())
