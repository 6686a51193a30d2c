"""Prompt models of the SAM family on an image: a slice is encoded once, each prompt then decoded.

A. Kirillov et al., Segment Anything, ICCV 2023. What took long, the embedding of a slice, is kept
in half precision: a further prompt on it costs a small part of that.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

import numpy as np

from annotator.api import PromptAnswer
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import Progress, Prompt

    Picture = NDArray[np.uint8]
    Embedding = NDArray[np.float16]
    Place = tuple[int, int]

MOST_SLICES = 256
"""Embeddings that are kept; the slice that was asked for longest ago goes first."""
_ROOM = (0.5, 99.5)
"""Percentiles of a slice that become black and white."""


class SliceNetwork(Protocol):
    """What differs between members of the family."""

    title: str

    def encode(self, picture: Picture) -> Embedding:
        """Return the embedding of a picture ``(rows, columns, 3)``."""
        ...

    def decode(
        self,
        embedding: Embedding,
        points: NDArray[np.float32],
        labels: NDArray[np.float32],
        shape: tuple[int, int],
    ) -> NDArray[np.float32]:
        """Return logits ``(rows, columns)`` of the object.

        ``points`` are ``(n, 2)`` as (column, row) of the picture; ``labels`` 1 for what is meant,
        0 for what is not, 2 and 3 for the first and last corner of a box.
        """
        ...


class SlicePrompted:
    """An image ``(z, y, x[, channel])`` that is pointed at slice by slice."""

    def __init__(
        self, network: SliceNetwork, image: NDArray[np.float32], progress: Progress
    ) -> None:
        self._network = network
        self._image = image
        self._progress = progress
        self._kept: OrderedDict[Place, Embedding] = OrderedDict()

    @property
    def n_kept(self) -> int:
        """Slices whose embedding is kept."""
        return len(self._kept)

    def answer(self, prompts: tuple[Prompt, ...]) -> PromptAnswer:
        """Draw what the prompts mean on their slices; raises AnnotatorError where none shows it."""
        slices: dict[Place, list[Prompt]] = {}
        for prompt in prompts:
            slices.setdefault((prompt.plane, prompt.voxels[0][prompt.plane]), []).append(prompt)
        shown = {
            place: group
            for place, group in slices.items()
            if any(prompt.is_positive for prompt in group)
        }
        if not shown:
            raise AnnotatorError("point at the object first; so far only what is not meant is said")
        drawn = [(place, self._draw(place, tuple(group))) for place, group in shown.items()]
        low = np.full(3, np.iinfo(np.int64).max)
        high = np.zeros(3, np.int64)
        for (plane, index), _ in drawn:
            ends = np.array(self._image.shape[:3])
            starts = np.zeros(3, np.int64)
            starts[plane], ends[plane] = index, index + 1
            low, high = np.minimum(low, starts), np.maximum(high, ends)
        mask = np.zeros(high - low, np.bool_)
        for (plane, index), one in drawn:
            mask[(slice(None),) * plane + (index - int(low[plane]),)] |= one
        z0, y0, x0 = low.tolist()
        z1, y1, x1 = high.tolist()
        return PromptAnswer(box=((z0, y0, x0), (z1, y1, x1)), mask=mask)

    def _draw(self, place: Place, prompts: tuple[Prompt, ...]) -> NDArray[np.bool_]:
        """Return the object on a slice: what each box holds, by all clicks on the slice."""
        embedding = self._embedding(place)
        shape = self._slice(place).shape[:2]
        clicks = [one for one in prompts if one.kind == "click"]
        boxes = [one for one in prompts if one.kind == "box"]
        found = np.zeros(shape, np.bool_)
        for told in [[*clicks, box] for box in boxes] or [clicks]:
            points, labels = _as_points(told, place[0])
            logits = self._network.decode(embedding, points, labels, (shape[0], shape[1]))
            found |= logits > 0
        return found

    def _embedding(self, place: Place) -> Embedding:
        if place not in self._kept:
            self._progress(0.0, f"{self._network.title} reads slice {place[1] + 1}")
            self._kept[place] = self._network.encode(as_picture(self._slice(place)))
            if len(self._kept) > MOST_SLICES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(place)
        return self._kept[place]

    def _slice(self, place: Place) -> NDArray[np.float32]:
        plane, index = place
        return self._image[(slice(None),) * plane + (index,)]


def as_picture(values: NDArray[np.float32]) -> Picture:
    """Return a slice ``(rows, columns[, channel])`` as a picture of three channels, 0 to 255."""
    three = np.repeat(values[..., None], 3, axis=-1) if values.ndim == 2 else values[..., :3]
    dark, bright = np.percentile(three, _ROOM)
    scaled = (three - dark) / max(float(bright - dark), 1e-6)
    return np.asarray(np.clip(scaled, 0, 1) * 255, np.uint8)


def _as_points(
    prompts: list[Prompt], plane: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    points: list[tuple[float, float]] = []
    labels: list[int] = []
    rows, columns = (axis for axis in range(3) if axis != plane)
    for prompt in prompts:
        if prompt.kind == "click":
            voxel = prompt.voxels[0]
            points.append((voxel[columns] + 0.5, voxel[rows] + 0.5))
            labels.append(int(prompt.is_positive))
            continue
        corners = np.asarray(prompt.voxels)
        low, high = corners.min(axis=0), corners.max(axis=0) + 1
        points += [(low[columns], low[rows]), (high[columns], high[rows])]
        labels += [2, 3]
    return np.asarray(points, np.float32), np.asarray(labels, np.float32)
