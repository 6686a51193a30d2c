"""PNG and JPEG, through Pillow."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from annotator.domain.errors import UnreadableError
from annotator.domain.geometry import Geometry

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNCALIBRATED = "The file gives no trustworthy size of a pixel: lengths are shown in pixels."
MOST_RATIO = 9000
"""No PNG or JPEG holds more pixels in a byte, black or white ones included."""
_ORIENTATION_TAG = 0x0112


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What the header of a picture says. ``axes`` are tifffile's letters, empty for others."""

    path: str
    geometry: Geometry
    notes: tuple[str, ...]
    slope: float = 1.0
    intercept: float = 0.0
    axes: str = ""
    mode: str = ""


def probe_raster(path: str) -> Picture:
    """Read the header of a PNG or JPEG; raises UnreadableError in words."""
    with _opened(path) as image:
        rows, columns = image.height, image.width
        _refuse_huge(path, rows * columns)
        notes: list[str] = []
        if image.getexif().get(_ORIENTATION_TAG, 1) not in (0, 1):
            notes.append("The camera's orientation was applied: the picture was turned upright.")
            if image.getexif().get(_ORIENTATION_TAG, 1) >= 5:
                rows, columns = columns, rows
        if getattr(image, "n_frames", 1) > 1:
            raise UnreadableError("an animation; only still pictures can be read")
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            notes.append("Transparency was left out.")
        if image.mode == "CMYK":
            notes.append("Printing colours (CMYK) were turned into RGB.")
        return Picture(
            path=path,
            geometry=Geometry(shape=(1, rows, columns), is_calibrated=False),
            notes=(UNCALIBRATED, *notes),
            mode=image.mode,
        )


def _refuse_huge(path: str, n_pixels: int) -> None:
    """Refuse a header that claims more pixels than the file can hold, before memory is taken."""
    size = os.path.getsize(path)
    if n_pixels > size * MOST_RATIO:
        raise UnreadableError(
            f"the header claims {n_pixels:,} pixels, but the file has only {size:,} bytes: it is "
            "cut off or damaged"
        )


def read_raster(picture: Picture, *, first_only: bool) -> NDArray[Any]:
    """Return the pixels, ``(1, y, x)`` or ``(1, y, x, 3)``; there is one slice in any case."""
    del first_only
    with _opened(picture.path) as image:
        upright = ImageOps.exif_transpose(image) or image
        return np.ascontiguousarray(_plain(upright))[np.newaxis]


def _plain(image: Image.Image) -> NDArray[Any]:
    """Return grey or RGB; palettes are looked up, transparency is dropped."""
    if image.mode == "P":
        colours = np.asarray(image.convert("RGB"))
        is_grey = (colours == colours[..., :1]).all()
        return colours[..., 0] if is_grey else colours
    if image.mode in ("RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "PA"):
        return np.asarray(image.convert("RGB"))
    if image.mode == "LA":
        return np.asarray(image.getchannel(0))
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    return np.asarray(image)


def _opened(path: str) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(path)
    except Image.DecompressionBombError as error:
        size = os.path.getsize(path)
        raise UnreadableError(
            f"larger than pictures may be: {error}; the file has {size:,} bytes"
        ) from error
    except UnidentifiedImageError as error:
        raise UnreadableError("not a picture, in spite of its name") from error
    except (ValueError, SyntaxError, TypeError) as error:
        raise UnreadableError(f"damaged ({' '.join(str(error).split())[:200]})") from error
