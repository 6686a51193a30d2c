"""The desk of a training in a project: what it shows there, and what it is told from there."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.jobs.training_curve import SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from annotator.store import Store

ASK_EVERY_S = 0.5
"""How often a training looks whether it is to stop."""
_MOST_PIXELS = 256
"""Examples are thinned out to this along each side."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingExample:
    """A slice of a case held out, ``(y, x)``: float32 image, label values of target and drawn."""

    title: str
    image: NDArray[np.float32]
    target: NDArray[np.uint16]
    drawn: NDArray[np.uint16]


class StoreDesk:
    """Keeps in the project what is shown at the desk of one training."""

    def __init__(self, store: Store, training_id: str) -> None:
        self._store = store
        self._training_id = training_id
        self._asked_s = -np.inf
        self._is_stopped = False
        self._begun_s = time.monotonic()
        self._before_s: float | None = None

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Keep a point of each curve, and how many seconds the training took so far."""
        if self._before_s is None:
            self._before_s = self._seconds_before(epoch)
        took_s = self._before_s + time.monotonic() - self._begun_s
        self._store.put_training_points(self._training_id, epoch, {**values, SECONDS: took_s})

    def _seconds_before(self, epoch: int) -> float:
        """Return what the rounds took that were done before a break."""
        points = self._store.training_points(self._training_id)
        kept = [one.value for one in points if one.curve == SECONDS and one.epoch < epoch]
        return max(kept, default=0.0)

    def show_example(
        self,
        title: str,
        image: NDArray[np.float32],
        target: NDArray[np.unsignedinteger],
        drawn: NDArray[np.unsignedinteger],
    ) -> None:
        """Keep a slice ``(y, x)``, thinned out where it is large."""
        step = max(1, -(-max(image.shape) // _MOST_PIXELS))
        content = to_bytes(image[::step, ::step], target[::step, ::step], drawn[::step, ::step])
        self._store.put_training_example(self._training_id, title, content)

    def keep(self, checkpoint: bytes) -> None:
        """Keep all that is needed to go on from here."""
        self._store.put_checkpoint(self._training_id, checkpoint)

    def kept(self) -> bytes | None:
        """Return what was kept last, or None."""
        return self._store.checkpoint(self._training_id)

    def should_stop(self) -> bool:
        """Say whether a person wants training to end now; looks twice a second."""
        now_s = time.monotonic()
        if not self._is_stopped and now_s - self._asked_s >= ASK_EVERY_S:
            self._asked_s = now_s
            self._is_stopped = self._store.training(self._training_id).stop_requested
        return self._is_stopped


def to_bytes(
    image: NDArray[np.float32],
    target: NDArray[np.unsignedinteger],
    drawn: NDArray[np.unsignedinteger],
) -> bytes:
    """Return an example as it is kept."""
    with io.BytesIO() as stream:
        np.savez_compressed(
            stream,
            image=np.asarray(image, np.float32),
            target=np.asarray(target, np.uint16),
            drawn=np.asarray(drawn, np.uint16),
        )
        return stream.getvalue()


def example_of(title: str, content: bytes) -> TrainingExample:
    """Return the example that `to_bytes` wrote."""
    with np.load(io.BytesIO(content), allow_pickle=False) as held:
        return TrainingExample(
            title=title, image=held["image"], target=held["target"], drawn=held["drawn"]
        )
