"""What a network gives out becomes probabilities, labels, and how unsure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float32]
    Activation = Literal["none", "softmax", "sigmoid"]

STEPS = 63
"""Steps that probability and uncertainty are kept in: coarse enough for long runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputMeaning:
    """How the channels of a network are to be read.

    Attributes
    ----------
    activation : str
        What makes probabilities of them.
    is_open : bool
        Whether channels stand for themselves, each against nothing; otherwise they compete, and one
        or more of them stand for nothing that is drawn.
    drawn : tuple of (int, tuple of int)
        Mask value and the channels that draw it, by value.
    """

    activation: Activation
    is_open: bool
    drawn: tuple[tuple[int, tuple[int, ...]], ...]

    @property
    def values(self) -> tuple[int, ...]:
        """Mask values, ascending."""
        return tuple(value for value, _ in self.drawn)

    @property
    def is_plain(self) -> bool:
        """Whether the highest channel alone tells the label."""
        return all(len(channels) == 1 for _, channels in self.drawn) and (
            not self.is_open or self.activation != "none"
        )


def meaning_of(
    activation: Activation, named: Sequence[int], label_values: Mapping[int, int]
) -> OutputMeaning:
    """Return how channels are read.

    Parameters
    ----------
    activation : str
        ``sigmoid`` makes them open, ``softmax`` lets them compete; without one they compete where
        channel 0 is not named, so that it stands for nothing drawn.
    named : sequence of int
        Channels that show something.
    label_values : mapping
        Channel and the mask value that it draws.
    """
    drawn: dict[int, list[int]] = {}
    for channel, value in sorted(label_values.items()):
        drawn.setdefault(value, []).append(channel)
    is_open = activation == "sigmoid" or (activation == "none" and 0 in named)
    return OutputMeaning(
        activation=activation,
        is_open=is_open,
        drawn=tuple((value, tuple(channels)) for value, channels in sorted(drawn.items())),
    )


def activate(values: Values, activation: Activation) -> Values:
    """Return probabilities of what a network gives out, ``(channel, …)``."""
    if activation == "sigmoid":
        return np.asarray(1 / (1 + np.exp(-values)), np.float32)
    if activation == "none":
        return np.clip(values, 0, 1)
    found: Values = values - values.max(axis=0)
    np.exp(found, out=found)
    found /= found.sum(axis=0)
    return found


def drawn_probability(probability: Values, meaning: OutputMeaning) -> Values:
    """Return how probable nothing is, and each mask value, ``(1 + value, …)``.

    Several channels that draw one value: their sum where channels compete, the highest where they
    are open. Nothing is, where channels compete, the most probable of those that draw nothing; a
    half, where they are open.
    """
    found = np.empty((1 + len(meaning.drawn), *probability.shape[1:]), np.float32)
    used = {channel for _, channels in meaning.drawn for channel in channels}
    others = [channel for channel in range(len(probability)) if channel not in used]
    if meaning.is_open:
        found[0] = 0.5
    elif others:
        found[0] = probability[others].max(axis=0)
    else:
        found[0] = 0
    for place, (_, channels) in enumerate(meaning.drawn, start=1):
        own = probability[list(channels)]
        found[place] = own.max(axis=0) if meaning.is_open else own.sum(axis=0)
    return found


def entropy(probability: Values, *, is_open: bool) -> Values:
    """Return how unsure probabilities ``(channel, …)`` are, 0 to 1.

    Shannon's entropy as a share of the highest possible; of open channels the highest of any.
    """
    if is_open:
        return np.asarray(
            (_plogp(probability) + _plogp(1 - probability)).min(axis=0) / -np.log(2), np.float32
        )
    return np.asarray(
        _plogp(probability).sum(axis=0) / -np.log(max(2, len(probability))), np.float32
    )


def disagreement(members: Sequence[Values], *, is_open: bool) -> Values:
    """Return how far members differ in their probabilities ``(channel, …)``, 0 to 1.

    The entropy of their mean less the mean of their entropies (the mutual information of label and
    member: Houlsby et al., "Bayesian active learning", arXiv 1112.5745; for flips: Wang et al.,
    Neurocomputing 338, 2019), as a share of the highest that so many members can reach.
    """
    stacked = np.stack(members)
    mean: Values = np.asarray(stacked.mean(axis=0), np.float32)
    each = np.stack([entropy(one, is_open=is_open) for one in stacked])
    own = each.mean(axis=0)
    n_ways = 2 if is_open else max(2, len(mean))
    reach = np.log(min(n_ways, len(members))) / np.log(n_ways)
    told = (entropy(mean, is_open=is_open) - own) / np.float32(reach)
    return np.asarray(np.clip(told, 0, 1), np.float32)


def _plogp(probability: Values) -> Values:
    return np.asarray(probability * np.log(np.maximum(probability, 1e-12)), np.float32)


def quantised(values: Values) -> NDArray[np.uint8]:
    """Return values of 0 to 1 as they are kept: ``1 + round(254 * value)``, 0 for nearly none."""
    steps = np.rint(np.clip(values, 0, 1) * STEPS)
    kept = np.where(steps > 0, 1 + np.rint(steps * (254 / STEPS)), 0)
    return np.asarray(kept, np.uint8)


def unquantised(kept: NDArray[np.unsignedinteger]) -> Values:
    """Return what `quantised` kept, float32."""
    table = np.concatenate([[0], np.arange(255) / 254]).astype(np.float32)
    found: Values = table[kept]
    return found
