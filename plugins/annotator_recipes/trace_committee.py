"""The committee of networks behind the detector of wrong tracing: trained, calibrated, kept.

Networks are imported where they are needed: this module imports no torch by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.optimize import minimize

from annotator.domain.errors import AnnotatorError, IntegrityError
from annotator_recipes.torch_door import load_state, state_arrays
from annotator_recipes.weights import from_bytes, to_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator.api.tracing import TraceLesson
    from annotator_recipes.trace_detector import TraceCommitteeParameters

    Floats = NDArray[np.float32]

_KIND = "trace committee"
MOST_MEMBERS, MOST_WIDTH = 16, 1024


class Committee(NamedTuple):
    """What was learned: names of features, networks, and the line of the calibration."""

    names: tuple[str, ...]
    networks: tuple[Any, ...]
    slope: float
    level: float

    def judge(self, values: Floats) -> NDArray[np.float32]:
        """Return how likely described points are wrong, ``(point,)``."""
        from annotator_recipes.trace_net import judge_points

        if not len(values):
            return np.zeros(0, np.float32)
        odds = np.mean([judge_points(network, values) for network in self.networks], axis=0)
        line = np.clip(self.slope * odds + self.level, -50, 50)
        return np.asarray(1 / (1 + np.exp(-line)), np.float32)


def learn_committee(
    values: Sequence[Floats],
    names: Sequence[str],
    lessons: Sequence[TraceLesson],
    settings: TraceCommitteeParameters,
    seed: int,
    progress: Progress,
) -> bytes:
    """Train the committee on described lessons; torch is to be seeded before."""
    from annotator_recipes.trace_net import judge_points, train_judge

    random = np.random.default_rng(seed)
    held_by = _shares(lessons, settings.members, random)
    features = np.concatenate(values)
    is_wrong = np.concatenate([one.is_wrong for one in lessons])
    sizes = [len(one.is_wrong) for one in lessons]
    owner = np.repeat(held_by, sizes)
    weights = np.repeat(_weights(lessons), sizes)
    members = sorted(set(held_by.tolist()))
    unseen = np.zeros(len(features))
    arrays: dict[str, NDArray[Any]] = {}
    for number, member in enumerate(members):
        held_out = owner == member

        def told(fraction: float, message: str, number: int = number) -> None:
            done = (number + fraction) / len(members)
            progress(done, f"network {number + 1} of {len(members)}, {message}")

        network = train_judge(
            features,
            is_wrong,
            weights,
            held_out,
            width=settings.width,
            rounds=settings.rounds,
            learning_rate=settings.learning_rate,
            random=random,
            progress=told,
        )
        unseen[held_out] = judge_points(network, features[held_out])
        arrays.update(state_arrays(network, f"member {number}"))
    slope, level = calibrate_odds(unseen, is_wrong, weights)
    facts = {
        "kind": _KIND,
        "features": list(names),
        "members": len(members),
        "width": settings.width,
        "slope": slope,
        "level": level,
    }
    return to_bytes(facts, arrays)


def _shares(
    lessons: Sequence[TraceLesson], members: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Return which member never sees each lesson: all tracings of a neuron have the same one."""
    by_neuron = {
        name: any(one.is_wrong.any() for one in lessons if one.traced.name == name)
        for name in sorted({one.traced.name for one in lessons})
    }
    # Neurons with errors are dealt out first: what a member is judged by has some.
    order = random.permutation(list(by_neuron))
    dealt = sorted(order.tolist(), key=lambda name: not by_neuron[name])
    n_shares = min(members, sum(by_neuron.values()))
    share = {name: place % n_shares for place, name in enumerate(dealt)}
    return np.array([share[one.traced.name] for one in lessons])


def _weights(lessons: Sequence[TraceLesson]) -> Floats:
    """Return what a point of each lesson counts: less where its neuron has many, by their root."""
    counts: dict[str, int] = {}
    for one in lessons:
        counts[one.traced.name] = counts.get(one.traced.name, 0) + len(one.is_wrong)
    raw = np.array([max(counts[one.traced.name], 1) ** -0.5 for one in lessons])
    sizes = np.array([len(one.is_wrong) for one in lessons])
    return np.asarray(raw * sizes.sum() / max(float(raw @ sizes), 1e-12), np.float32)


def calibrate_odds(
    odds: NDArray[np.float64], is_wrong: NDArray[np.bool_], weights: Floats
) -> tuple[float, float]:
    """Return slope and level of the line by which log-odds become those that were right.

    Platt 1999, with targets short of 0 and 1 as there; the slope is never negative.
    """
    n_wrong = int(is_wrong.sum())
    n_right = len(is_wrong) - n_wrong
    target = np.where(is_wrong, (n_wrong + 1) / (n_wrong + 2), 1 / (n_right + 2))

    def loss(line: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        at = line[0] * odds + line[1]
        value = np.average(np.logaddexp(0, at) - target * at, weights=weights)
        error = 1 / (1 + np.exp(-at)) - target
        slope = [np.average(error * odds, weights=weights), np.average(error, weights=weights)]
        return float(value), np.array(slope)

    bounds = [(0.05, 5.0), (-20.0, 20.0)]
    found = minimize(loss, np.array([1.0, 0.0]), jac=True, bounds=bounds, method="L-BFGS-B")
    return float(found.x[0]), float(found.x[1])


def read_committee(learned: bytes) -> Committee:
    """Return what was learned; raises IntegrityError where the bytes are not that."""
    try:
        facts, arrays = from_bytes(learned)
        return _rebuild(facts, arrays)
    except (AnnotatorError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise IntegrityError(f"this is not what a trace committee learned: {error}") from error


def _rebuild(facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Committee:
    from annotator_recipes.trace_net import PointJudge

    if facts["kind"] != _KIND:
        raise AnnotatorError(f"it is of the kind {facts['kind']!r}")
    names = tuple(str(one) for one in facts["features"])
    members, width = int(facts["members"]), int(facts["width"])
    slope, level = float(facts["slope"]), float(facts["level"])
    if not (0 < members <= MOST_MEMBERS and 0 < width <= MOST_WIDTH and np.isfinite(slope + level)):
        raise AnnotatorError("a number in it is out of range")
    # A network is only made where as many weights are there: a claim alone takes no memory.
    for number in range(members):
        if arrays[f"member {number}.layers.1.weight"].shape != (width, len(names)):
            raise AnnotatorError("the weights do not fit the features")
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise AnnotatorError("a weight in it is not a number")
    networks = []
    for number in range(members):
        network = PointJudge(len(names), width)
        load_state(network, f"member {number}", arrays)
        networks.append(network)
    return Committee(names, tuple(networks), slope, level)
