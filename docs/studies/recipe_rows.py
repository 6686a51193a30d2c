"""Rows of the table of recipes: the same training with a recipe and without it, seed by seed.

A trial takes a seed and gives pairs of numbers; all seeds of a pair make a row.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from annotator.analysis.case_bootstrap import mean_ends

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Verdict = Literal["helps", "harms", "no difference shown", "too few seeds"]
_LEAST_SEEDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One number with a recipe and without it, of the same seed.

    Attributes
    ----------
    recipe, claim, measure : str
        Which recipe; what is claimed of it, in what situation; what was measured, with its unit.
    with_recipe, without : float
        The numbers.
    less_is_better : bool
        Whether the measure is an error.
    """

    recipe: str
    claim: str
    measure: str
    with_recipe: float
    without: float
    less_is_better: bool = False


class Trial(Protocol):
    """An experiment with one seed; ``TRIALS`` of a module names those that it has."""

    def __call__(self, seed: int, *, quick: bool) -> Iterable[Pair]:
        """Return the pairs of a seed; ``quick`` hardly trains, to try the whole way."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeRow:
    """What all seeds of a pair say.

    ``difference`` is with the recipe minus without it; ``low`` and ``high`` are its 95 % bootstrap
    interval over seeds, None for one seed. The verdict is ``no difference shown`` where that holds
    0, and ``too few seeds`` below five.
    """

    recipe: str
    claim: str
    measure: str
    with_recipe: float
    without: float
    difference: float
    low: float | None
    high: float | None
    n_seeds: int
    verdict: Verdict

    def as_json(self) -> dict[str, str | float | int]:
        """Return the row by name, ``with_recipe`` as ``with``."""
        found = asdict(self)
        return {"with" if name == "with_recipe" else name: found[name] for name in found}


def rows_of(pairs: Sequence[Pair]) -> list[RecipeRow]:
    """Return a row for each recipe, claim and measure, in the order in which they first occur."""
    groups: dict[tuple[str, str, str], list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.recipe, pair.claim, pair.measure].append(pair)
    return [_row(group) for group in groups.values()]


def _row(pairs: Sequence[Pair]) -> RecipeRow:
    first = pairs[0]
    given = np.array([[pair.with_recipe, pair.without] for pair in pairs], np.float64)
    gains = given[:, 0] - given[:, 1]
    ends = mean_ends(gains)
    low, high = ends or (None, None)
    return RecipeRow(
        recipe=first.recipe,
        claim=first.claim,
        measure=first.measure,
        with_recipe=float(given[:, 0].mean()),
        without=float(given[:, 1].mean()),
        difference=float(gains.mean()),
        low=low,
        high=high,
        n_seeds=len(pairs),
        verdict=(
            _verdict(*ends, less_is_better=first.less_is_better)
            if ends and len(pairs) >= _LEAST_SEEDS
            else "too few seeds"
        ),
    )


def _verdict(low: float, high: float, *, less_is_better: bool) -> Verdict:
    if low > 0:
        return "harms" if less_is_better else "helps"
    if high < 0:
        return "helps" if less_is_better else "harms"
    return "no difference shown"


def table_of(rows: Sequence[RecipeRow]) -> str:
    """Return the rows as a table in Markdown."""
    lines = [
        "| recipe | claim, situation | measure | without | with | difference (95 %) | seeds | so |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.recipe} | {row.claim} | {row.measure} | {row.without:.3f} | {row.with_recipe:.3f} "
        f"| {row.difference:+.3f}{_ends(row)} | {row.n_seeds} "
        f"| {_strong(row.verdict)} |"
        for row in rows
    ]
    return "\n".join(lines)


def _ends(row: RecipeRow) -> str:
    known = row.low is not None and row.high is not None
    return f" ({row.low:+.3f} to {row.high:+.3f})" if known else ""


def _strong(verdict: Verdict) -> str:
    return f"**{verdict}**" if verdict in ("helps", "harms") else verdict
