"""Small slides that tests write: SVS, OME-TIFF, plain TIFF and OME-Zarr of one picture."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SHAPE = (1200, 1700)
NAME = "Miller^Anna"
"""What is written into the picture of the label, as bytes."""


@cache
def tissue() -> NDArray[np.uint8]:
    """Return an RGB picture ``(rows, columns, 3)`` with coarse and fine structure."""
    random = np.random.default_rng(4)
    coarse = random.integers(60, 250, (-(-SHAPE[0] // 50), -(-SHAPE[1] // 50), 3), np.uint8)
    whole = np.kron(coarse, np.ones((50, 50, 1), np.uint8))[: SHAPE[0], : SHAPE[1]].copy()
    whole[::9, :, 0] //= 2
    return whole


def label_picture() -> NDArray[np.uint8]:
    """Return the picture of a label, with a name that a test can look for in a file."""
    found = np.full((40, 30, 3), 255, np.uint8)
    found.reshape(-1)[: len(NAME)] = np.frombuffer(NAME.encode(), np.uint8)
    return found


def write_svs(path: Path, compression: str = "jpeg", **arguments: Any) -> Path:  # noqa: ANN401
    """Write what an Aperio scanner does: levels, a thumbnail, the label and the macro picture."""
    told = "Aperio Image Library v12.0.15\r\n"
    whole = tissue()
    with tifffile.TiffWriter(path) as file:
        words = f"{told}{SHAPE[1]}x{SHAPE[0]} (256x256)|AppMag = 20|MPP = 0.4990"
        common: dict[str, Any] = {"photometric": "rgb", "metadata": None, **arguments}
        file.write(whole, tile=(256, 256), compression=compression, description=words, **common)
        file.write(whole[::16, ::16], compression="jpeg", description=told, **common)
        file.write(
            whole[::4, ::4],
            tile=(256, 256),
            compression=compression,
            description=told,
            **common,
        )
        file.write(
            label_picture(), description=f"{told}label 30x40", subfiletype=1, photometric="rgb",
            metadata=None,
        )  # fmt: skip
        file.write(
            whole[::20, ::20], description=f"{told}macro 85x60", subfiletype=9, photometric="rgb",
            metadata=None,
        )  # fmt: skip
    return path


def write_ome_tiff(path: Path, picture: NDArray[Any], **arguments: Any) -> Path:  # noqa: ANN401
    """Write an OME-TIFF with two coarser levels as SubIFDs, 0.25 µm a pixel."""
    axes = "YXS" if picture.ndim == 3 else "YX"
    given: dict[str, Any] = {"tile": (256, 256), "compression": "zlib", **arguments}
    with tifffile.TiffWriter(path, bigtiff=True, ome=True) as file:
        size: dict[str, Any] = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}
        file.write(picture, subifds=2, metadata={"axes": axes, **size}, **given)
        file.write(picture[::2, ::2], subfiletype=1, **given)
        file.write(picture[::4, ::4], subfiletype=1, **given)
    return path


def write_zarr(path: Path, version: int, axes: str = "cyx", **arguments: Any) -> Path:  # noqa: ANN401
    """Write an OME-Zarr folder of two levels, 0.4 in Zarr 2 or 0.5 in Zarr 3."""
    import zarr

    whole = np.moveaxis(tissue(), -1, 0) if "c" in axes else tissue()[..., 0]
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == 2 else 3)
    datasets = []
    for level in range(2):
        data = whole[..., :: 2**level, :: 2**level]
        sizes = {"c": 3, "y": data.shape[-2], "x": data.shape[-1]}
        data = data.reshape([sizes.get(axis, 1) for axis in axes])
        chunks = tuple(min(size, 300) for size in data.shape)
        group.create_array(str(level), data=data, chunks=chunks, **arguments)
        scale = [0.5 * 2**level if axis in "yx" else 1.0 for axis in axes]
        change = {"type": "scale", "scale": scale}
        datasets.append({"path": str(level), "coordinateTransformations": [change]})
    kinds = {"t": "time", "c": "channel"}
    named = [
        {"name": axis, "type": kinds.get(axis, "space")}
        | ({"unit": "micrometer"} if axis in "zyx" else {})
        for axis in axes
    ]
    content: dict[str, Any] = {
        "multiscales": [{"axes": named, "datasets": datasets, "version": "0.4"}]
    }
    group.attrs.update(content if version == 2 else {"ome": {"version": "0.5", **content}})
    return path
