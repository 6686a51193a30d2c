"""Make the dictionary that slabs are compressed with: `python resources/slabs/make_dictionary.py`.

It is trained on blobs of several sizes as simulated raters draw them. Projects are read with it:
never replace it, add another one (zstd keeps the number of its dictionary in each frame).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import zstandard
from scipy import ndimage

from annotator.analysis.runs import encode
from annotator.analysis.simulate import SimulatedRater, simulate_reading
from annotator.store.slabs import LEVEL, codings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SIZE = 2048
SPACING_MM = (1.5, 0.8, 0.8)
GRIDS = ((40, 512, 512), (40, 256, 256), (40, 384, 320), (40, 192, 224))
N_READINGS = 16


def blobs(random: np.random.Generator, shape: tuple[int, int, int]) -> NDArray[np.uint16]:
    """Return round objects of one or two labels, ``(z, y, x)``."""
    coarse = tuple(max(4, size // 16) for size in shape)
    noise = ndimage.gaussian_filter(random.normal(size=coarse), 1.5, mode="wrap")
    field = ndimage.zoom(
        noise / noise.std(), [size / few for size, few in zip(shape, coarse, strict=True)], order=3
    )
    cut = random.uniform(1.0, 1.8)
    mask: NDArray[np.uint16] = (field > cut).astype(np.uint16) * np.uint16(random.integers(1, 4))
    if random.random() < 1 / 3:
        mask[field > cut + 0.5] = 5
    return mask


def contents() -> Iterator[bytes]:
    """Give what is compressed of each slab, in the coding that becomes smallest."""
    plain = zstandard.ZstdCompressor(level=LEVEL)
    for seed in range(N_READINGS):
        random = np.random.default_rng(seed)
        shape = GRIDS[seed % len(GRIDS)]
        rater = SimulatedRater(
            bias_mm=float(random.normal(0.0, 0.5)),
            wobble_mm=float(random.uniform(0.3, 1.2)),
            wobble_size_mm=float(random.uniform(4.0, 12.0)),
            roughness_mm=0.4 if seed % 4 == 3 else 0.0,
        )
        drawn = simulate_reading(blobs(random, shape), SPACING_MM, rater, seed=seed)
        for _, runs in sorted(encode(drawn.astype(np.uint16)).slabs.items()):
            coded = [content for _, content in codings(runs, shape[2])]
            yield min(coded, key=lambda content: len(plain.compress(content)))


def main() -> None:
    """Write it where the program finds it."""
    trained = zstandard.train_dictionary(SIZE, list(contents()), level=LEVEL)
    path = Path(__file__).with_name("dictionary.zdict")
    path.write_bytes(trained.as_bytes())
    sys.stdout.write(f"{path}: {len(trained.as_bytes())} bytes, number {trained.dict_id()}\n")


if __name__ == "__main__":
    main()
