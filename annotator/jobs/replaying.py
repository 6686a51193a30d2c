"""Everything that was learned and fused, done again: the same recipes must give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from annotator.domain.errors import AnnotatorError, CancelledError, IntegrityError
from annotator.jobs.contour_learning import relearn_contours
from annotator.jobs.fusing import rerun_fusion
from annotator.jobs.learning import relearn
from annotator.jobs.trace_learning import relearn_detector

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.api import Progress
    from annotator.domain.fit import Fit
    from annotator.registry import Registry
    from annotator.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """How many recipes gave the same bytes; what differs; what could not be done again, and why."""

    n_same: int
    different: tuple[str, ...]
    not_done: tuple[str, ...]


def replay(store: Store, registry: Registry, progress: Progress, *, actor: str) -> Replay:
    """Learn and fuse again by every recipe of the project; nothing that is kept changes."""
    recipes: list[Callable[[Progress], object]] = [
        partial(_learn_again, store, registry, fit, actor=actor) for fit in store.fits()
    ]
    recipes += [
        partial(rerun_fusion, store, registry, fusion.fusion_id, actor=actor)
        for case in store.cases()
        for fusion in store.fusions(case.case_id)
    ]
    n_same = 0
    different: list[str] = []
    not_done: list[str] = []
    for number, again in enumerate(recipes):
        shown = f"recipe {number + 1} of {len(recipes)}"

        def report(
            fraction: float, message: str, *, number: int = number, shown: str = shown
        ) -> None:
            progress((number + fraction) / len(recipes), f"{shown}: {message}")

        progress(number / len(recipes), shown)
        try:
            again(report)
            n_same += 1
        except CancelledError:
            raise
        except IntegrityError as error:
            different.append(str(error))
        except AnnotatorError as error:
            not_done.append(str(error))
    return Replay(n_same=n_same, different=tuple(different), not_done=tuple(not_done))


def _learn_again(
    store: Store, registry: Registry, fit: Fit, progress: Progress, *, actor: str
) -> object:
    if fit.recipe.kind == "tracing":
        return relearn_detector(store, registry, fit, progress, actor=actor)
    if fit.recipe.kind == "contour":
        return relearn_contours(store, registry, fit, progress, actor=actor)
    return relearn(store, registry, fit.fit_id, progress, actor=actor)
