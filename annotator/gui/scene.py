"""The pixels of one view, drawn by napari.

The only file that knows napari. It takes seconds to import: import it when a case opens.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from annotator.gui.marks import HEAT_COLORS

# napari reads the person's own settings at import; the canvas must look the same everywhere.
os.environ["NAPARI_CONFIG"] = str(
    Path(tempfile.gettempdir()) / "annotator-napari" / "settings.yaml"
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what its own imports do, napari warns its developers
    from napari.components import ViewerModel
    from napari.layers import Image, Labels
    from napari.qt import QtViewer
    from napari.utils.colormaps import Colormap, DirectLabelColormap

    # The first layer makes napari read its units, which takes a second: better at the import,
    # which may happen beside the window, than when the first case shows.
    Image(np.zeros((2, 2)))

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from annotator.gui.label_colors import Color
    from annotator.gui.view_style import ViewStyle

_OVER = "translucent_no_depth"
"""Blending of layers above the image; with depth, napari drops them now and then."""
_CONTOUR_PX = 1
"""Voxels that a line around a label is wide."""
_QUIET = {"thumbnail": False, "highlight": False, "extent": False}
Place = tuple[tuple[float, float], tuple[float, float]]
"""Size of a pixel, and where the centre of the first lies, ``(row, column)`` in mm."""


class Scene:
    """The pixels of one view: an image, a mask and a heat map, each a 2D layer of napari.

    napari gets one slice at a time and never the volume: no slicing, thumbnails or history of its
    own, so that a step costs a copy and a redraw.
    """

    def __init__(self) -> None:
        self._model = ViewerModel()
        self._model.canvas.background_color_override = "black"
        self.widget = QtViewer(self._model)
        self.widget.dims.hide()
        for part in (self.widget, *self.widget.findChildren(QWidget)):
            part.setAcceptDrops(False)  # files are imported by us, not read by napari
            part.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._image: Image | None = None
        self._mask: Labels | None = None
        self._heat: Image | None = None
        self._scale: tuple[float, float] = (1.0, 1.0)

    def open(
        self,
        image: NDArray[Any],
        mask: NDArray[Any],
        *,
        spacing_mm: tuple[float, float],
        is_rgb: bool,
    ) -> None:
        """Show other slices ``(rows, columns[, channel])``.

        Layers of the same kind are used again: they hold no history, because napari never edits.
        """
        if self._heat is not None:
            self._model.layers.remove(self._heat)
            self._heat = None
        self._scale = spacing_mm
        if self._image is None or self._mask is None or not self._fits(image, mask, is_rgb):
            for layer in list(self._model.layers):
                self._model.layers.remove(layer)
            grey = {} if is_rgb else {"contrast_limits": (0.0, 1.0)}
            self._image = Image(np.array(image), rgb=is_rgb, interpolation2d="linear", **grey)
            self._mask = Labels(np.array(mask), opacity=1.0, blending=_OVER)
            self._model.layers.append(self._image)
            self._model.layers.append(self._mask)
        else:
            self._image.data = np.array(image)
            self._mask.data = np.array(mask)
        self._image.scale = self._mask.scale = spacing_mm
        self._image.translate = self._mask.translate = (0.0, 0.0)

    def put_patches(
        self,
        image: NDArray[Any],
        image_place: Place,
        mask: NDArray[Any],
        mask_place: Place,
        *,
        is_rgb: bool,
    ) -> None:
        """Show parts of slices that may differ in the size of their pixels.

        The image is not copied: who writes to it says so by `refresh_image`.
        """
        if self._image is None or self._mask is None or not self._fits(image, mask, is_rgb):
            self.open(image, mask, spacing_mm=image_place[0], is_rgb=is_rgb)
        if self._image is not None and self._mask is not None:
            self._image.data, self._mask.data = image, mask
            self._image.scale, self._image.translate = image_place
            self._mask.scale, self._mask.translate = mask_place

    def refresh_image(self) -> None:
        """Show what was written into the image."""
        if self._image is not None:
            self._image.refresh(**_QUIET)

    def put_mask_part(self, pixels: NDArray[Any], window: tuple[slice, slice]) -> None:
        """Show other labels in a window of the mask, ``(rows, columns)``."""
        if self._mask is not None:
            self._mask.data[window] = pixels
            self._mask.refresh(**_QUIET)

    def _fits(self, image: NDArray[Any], mask: NDArray[Any], is_rgb: bool) -> bool:
        old_image, old_mask = self._image, self._mask
        return (
            old_image is not None
            and old_mask is not None
            and bool(old_image.rgb) == is_rgb
            and old_image.data.dtype == image.dtype
            and old_mask.data.dtype == mask.dtype
        )

    def put_image(self, pixels: NDArray[Any]) -> None:
        """Show another slice of the image."""
        if self._image is not None:
            np.copyto(self._image.data, pixels)
            self._image.refresh(**_QUIET)

    def put_mask(
        self, pixels: NDArray[Any], window: tuple[slice, slice] = (slice(None), slice(None))
    ) -> None:
        """Show what the mask holds now; only the window of the slice is copied."""
        if self._mask is not None:
            np.copyto(self._mask.data[window], pixels[window])
            self._mask.refresh(**_QUIET)

    def put_heat(self, pixels: NDArray[np.float32] | None) -> None:
        """Show a slice of a heat map, 0 to 1; None hides the layer.

        Hidden, not removed: a layer that goes before it was drawn leaves OpenGL asking for its
        texture.
        """
        if pixels is None:
            if self._heat is not None:
                self._heat.visible = False
        elif self._heat is None:
            self._heat = Image(
                np.array(pixels),
                scale=self._scale,
                contrast_limits=(0.0, 1.0),
                colormap=Colormap(HEAT_COLORS, name="dispute"),
                interpolation2d="linear",
                blending=_OVER,
            )
            self._model.layers.insert(1, self._heat)
        else:
            np.copyto(self._heat.data, pixels)
            self._heat.visible = True
            self._heat.refresh(**_QUIET)

    def set_limits(self, limits: tuple[float, float]) -> None:
        """Show stored values between these from black to white."""
        if self._image is not None and not self._image.rgb:
            self._image.contrast_limits = limits

    def set_style(self, style: ViewStyle) -> None:
        """Show the image in other colours, smooth or not; the mask as areas or lines."""
        if self._image is not None:
            self._image.interpolation2d = "linear" if style.is_smooth else "nearest"
            if not self._image.rgb:
                name = f"{style.colormap}{'-' if style.is_inverted else ''}"
                self._image.colormap = Colormap([(*_rgb(color), 1.0) for color in style.ramp], name)
        if self._mask is not None:
            self._mask.contour = _CONTOUR_PX if style.is_contour else 0

    def set_colors(self, colors: Mapping[int, Color]) -> None:
        """Show each label in a colour, RGBA 0 to 1; others are not shown."""
        if self._mask is not None:
            nothing = (0.0, 0.0, 0.0, 0.0)
            table: dict[int | None, Color] = {None: nothing, 0: nothing}
            table |= dict(colors.items())
            self._mask.colormap = DirectLabelColormap(color_dict=table)
            self._mask.visible = any(alpha > 0 for *_, alpha in colors.values())

    def look(self, centre_mm: tuple[float, float], zoom: float) -> None:
        """Show this place in the middle, at so many screen pixels a mm."""
        camera = self._model.scene.camera
        camera.center = (0.0, *centre_mm)
        camera.zoom = zoom

    def close(self) -> None:
        """Give the drawing surface back."""
        self._model.layers.clear()
        self.widget.close()


def _rgb(color: str) -> tuple[float, float, float]:
    red, green, blue = bytes.fromhex(color[1:])
    return red / 255, green / 255, blue / 255
