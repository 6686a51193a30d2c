"""What becomes of the finished parts of a stitched volume: labels, and how sure the network was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.network_output import (
    activate,
    disagreement,
    drawn_probability,
    entropy,
    quantised,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.network_output import OutputMeaning, Values
    from annotator.analysis.network_space import NetworkSpace
    from annotator.analysis.stitching import Finished

    Bytes = NDArray[np.uint8]

FULL = 255
MOST_PLAIN = 250
"""Channels that one byte can tell apart, with room."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What a network made of a series, on its grid, ``(z, y, x)`` uint8.

    Attributes
    ----------
    values : tuple of int
        Mask values that it may draw, ascending.
    chosen : ndarray
        0 where nothing is drawn, else one more than the place of the value.
    chances : ndarray or None
        255 times the probability that nothing is drawn, and of each value, ``(1 + value, z, y,
        x)``; None where it was not asked for.
    unsure : ndarray or None
        255 times how unsure it was.
    """

    values: tuple[int, ...]
    chosen: Bytes
    chances: Bytes | None = None
    unsure: Bytes | None = None

    def mask(self, dtype: np.dtype[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
        """Return the mask with values of the schema."""
        table = np.array([0, *self.values], dtype)
        return table[self.chosen]


class LabelSink:
    """Keeps only which label is the most likely; for networks that read the series' own voxels."""

    weighed = False

    def __init__(self, space: NetworkSpace, meaning: OutputMeaning, n_channels: int) -> None:
        self._space = space
        self._meaning = meaning
        self._highest = np.zeros(space.size, np.uint8)
        # Open channels that draw nothing must not win over those that do.
        self._used = [channel for _, (channel,) in meaning.drawn] if meaning.is_open else None
        self.n_channels = n_channels if self._used is None else len(self._used)

    def select(self, values: Values) -> Values:
        """Return the channels of a window that are to be stitched."""
        return values if self._used is None else values[self._used]

    def take(self, part: Finished) -> None:
        """Take a finished part."""
        part.write_highest(self._highest, above=0.0 if self._meaning.is_open else None)

    def seen(self) -> Seen:
        """Return what came of all parts."""
        table = np.zeros(256, np.uint8)
        for place, (_, (channel,)) in enumerate(self._meaning.drawn, start=1):
            table[channel if self._used is None else place] = place
        chosen = table[self._space.turn_back(self._highest)]
        return Seen(values=self._meaning.values, chosen=chosen)


class ChanceSink:
    """Tells how probable each label is and how unsure the network was, a byte a voxel each.

    ``tells_disagreement`` says that the last channel is how far readings of one window differ; the
    entropy stands in where there was one reading. Only with ``keeps_maps`` is more than the labels
    made on the grid of the series.
    """

    weighed = True

    def __init__(
        self,
        space: NetworkSpace,
        meaning: OutputMeaning,
        n_channels: int,
        *,
        tells_disagreement: bool,
        keeps_maps: bool,
    ) -> None:
        self.n_channels = n_channels
        self._keeps_maps = keeps_maps
        self._space = space
        self._meaning = meaning
        self._tells_disagreement = tells_disagreement
        n_maps = 1 + len(meaning.drawn) if keeps_maps or space.is_resampled else 0
        self._chances = np.zeros((n_maps, *space.size), np.uint8)
        self._unsure = np.zeros(space.size if keeps_maps else (0, 0, 0), np.uint8)
        self._chosen = None if space.is_resampled else np.zeros(space.size, np.uint8)

    def select(self, values: Values) -> Values:
        """Return the channels of a window that are to be stitched: all."""
        return values

    def take(self, part: Finished) -> None:
        """Take a finished part."""
        values = part.values()
        told = None
        if self._tells_disagreement:
            values, told = values[:-1], values[-1]
        probability = activate(values, self._meaning.activation)
        if part.weights is not None:
            left_out = part.weights == 0
            probability[:, left_out] = 0
            if not self._meaning.is_open:
                probability[0, left_out] = 1
        drawn = drawn_probability(probability, self._meaning)
        if self._chosen is not None:
            self._chosen[part.part] = drawn.argmax(axis=0)
        if len(self._chances):
            self._chances[(slice(None), *part.part)] = _in_bytes(drawn)
        if self._keeps_maps:
            unsure = entropy(probability, is_open=self._meaning.is_open) if told is None else told
            self._unsure[part.part] = _in_bytes(unsure)

    def seen(self) -> Seen:
        """Return what came of all parts, back on the grid of the series."""
        if self._chosen is None:
            return self._resampled_back()
        space, values = self._space, self._meaning.values
        chosen = np.ascontiguousarray(space.turn_back(self._chosen))
        if not self._keeps_maps:
            return Seen(values=values, chosen=chosen)
        return Seen(
            values=values,
            chosen=chosen,
            chances=np.stack([space.turn_back(one) for one in self._chances]),
            unsure=np.ascontiguousarray(space.turn_back(self._unsure)),
        )

    def _resampled_back(self) -> Seen:
        space, values = self._space, self._meaning.values
        chosen = np.empty(space.shape, np.uint8)
        n_kept = len(self._chances) if self._keeps_maps else 0
        chances = np.empty((n_kept, *space.shape), np.uint8)
        for planes in zip(*map(space.from_network, self._chances), strict=True):
            first = planes[0][0]
            part = slice(first, first + len(planes[0][1]))
            drawn = np.stack([one for _, one in planes])
            space.turn(chosen)[part] = drawn.argmax(axis=0)
            for chance, one in zip(chances, drawn, strict=False):
                space.turn(chance)[part] = np.rint(one)
        if not self._keeps_maps:
            return Seen(values=values, chosen=chosen)
        unsure = np.empty(space.shape, np.uint8)
        for first, plane in space.from_network(self._unsure):
            space.turn(unsure)[first : first + len(plane)] = np.rint(plane)
        return Seen(values=values, chosen=chosen, chances=chances, unsure=unsure)


def together(seen: Sequence[Seen]) -> Seen:
    """Return what several networks say together: the mean of their probabilities.

    How far they differ tells how unsure they are. All must know the same values.
    """
    first, *others = seen
    if not others:
        return first
    chosen = np.empty_like(first.chosen)
    unsure = np.empty_like(first.chosen)
    chances = np.empty((1 + len(first.values), *chosen.shape), np.uint8)
    for plane in range(len(chosen)):
        members = [_chances_of(one, plane) for one in seen]
        mean = np.stack(members).mean(axis=0)
        chosen[plane] = mean.argmax(axis=0)
        chances[:, plane] = _in_bytes(mean)
        whole = [one / np.maximum(one.sum(axis=0), np.float32(1e-6)) for one in members]
        unsure[plane] = _in_bytes(disagreement(whole, is_open=False))
    return Seen(values=first.values, chosen=chosen, chances=chances, unsure=unsure)


def kept_map(content: Bytes) -> Bytes:
    """Return a map of 255ths as a project keeps it."""
    steps = np.arange(FULL + 1, dtype=np.float32) / np.float32(FULL)
    return np.asarray(quantised(steps)[content])


def _chances_of(seen: Seen, plane: int) -> NDArray[np.float32]:
    if seen.chances is None:
        raise ValueError("networks that read together must tell probabilities")
    return seen.chances[:, plane].astype(np.float32) / np.float32(FULL)


def _in_bytes(values: NDArray[Any]) -> Bytes:
    return np.asarray(np.rint(np.clip(values, 0, 1) * FULL), np.uint8)
