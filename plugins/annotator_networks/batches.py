"""Batches as networks take them in: their axes, their sizes, and whether they fit the card."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from annotator.api import NetworkCard


def in_file_order(batch: NDArray[np.float32], card: NetworkCard) -> NDArray[np.float32]:
    """Return a batch with its axes turned into the order of the files, or back again."""
    if card.axes == "zyx":
        return batch
    return batch.transpose(0, 1, *range(batch.ndim - 1, 1, -1))


def check_batch(batch: NDArray[np.float32], card: NetworkCard) -> None:
    """Raise AnnotatorError where a batch is not what a network takes in."""
    if batch.ndim != 2 + card.n_dims or batch.shape[1] != card.n_channels:
        axes = "z, y, x" if card.n_dims == 3 else "y, x"
        raise AnnotatorError(
            f"{card.title} takes in (n, {card.n_channels}, {axes}), not {batch.shape}"
        )


def check_output(found: NDArray[np.float32], batch: NDArray[np.float32], card: NetworkCard) -> None:
    """Raise AnnotatorError where what came out does not fit the card."""
    if found.ndim != batch.ndim or (found.shape[0], *found.shape[2:]) != (
        batch.shape[0],
        *batch.shape[2:],
    ):
        raise AnnotatorError(
            f"{card.title} gave {found.shape} for a window of {batch.shape}; "
            "an image of the same size is needed"
        )
    needed = 1 + max((channel for channel, _ in card.labels), default=0)
    if found.shape[1] < needed:
        raise AnnotatorError(
            f"{card.title} gave {found.shape[1]} channels; its card names channel {needed - 1}"
        )


def check_shape(shape: Sequence[int | None], card: NetworkCard, *, name: str) -> None:
    """Raise AnnotatorError where a file takes in another shape than its card says.

    ``shape`` is ``(n, channel, …)`` in the order of the file, None where any size will do.
    """
    if len(shape) != 2 + card.n_dims:
        raise AnnotatorError(
            f"{name} takes in {len(shape)} axes; a network of n_dims {card.n_dims} takes "
            f"{2 + card.n_dims}: n, channel and the image's"
        )
    if shape[1] not in (None, card.n_channels):
        raise AnnotatorError(
            f"{name} takes in {shape[1]} channels; its card says n_channels {card.n_channels}"
        )
    sides = list(shape[2:]) if card.axes == "zyx" else list(shape[:1:-1])
    for axis, side in zip("zyx"[-card.n_dims :], sides, strict=True):
        told = None if card.patch is None else card.patch["zyx"[-card.n_dims :].index(axis)]
        if side is not None and side != told:
            raise AnnotatorError(
                f"{name} takes in windows of exactly {side} along {axis}; say so on its card: "
                f'"patch": {[one or 1 for one in sides]}'
            )


def in_pieces(
    read: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    batch: NDArray[np.float32],
    n_fixed: int | None,
) -> NDArray[np.float32]:
    """Read a batch by a network that takes exactly ``n_fixed`` images at once, any where None."""
    if n_fixed is None or len(batch) == n_fixed:
        return read(batch)
    found = []
    for start in range(0, len(batch), n_fixed):
        piece = batch[start : start + n_fixed]
        missing = n_fixed - len(piece)
        filled = np.pad(piece, [(0, missing)] + [(0, 0)] * (batch.ndim - 1), mode="edge")
        found.append(read(filled)[: len(piece)])
    return np.concatenate(found)
