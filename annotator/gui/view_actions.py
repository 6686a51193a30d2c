"""Actions on how a case is shown: contours, slabs, colours, zooming to a label, playing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.gui.actions import Action

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.gui.view_tools import ViewTools
    from annotator.gui.window import MainWindow

_DRAWING = ("rater", "redraw")
_ROOMS = (*_DRAWING, "review")


def _view(window: MainWindow) -> ViewTools:
    return window.tools().view


def _has_canvas(window: MainWindow) -> bool:
    return window.canvas_tools().has_canvas


def _action(
    name: str,
    text: str,
    key: str,
    tooltip: str,
    run: Callable[[ViewTools], None],
    checked: Callable[[ViewTools], bool] | None = None,
    rooms: tuple[str, ...] = _ROOMS,
) -> Action:
    return Action(
        key=f"view.{name}",
        text=text,
        tooltip=tooltip,
        shortcut=(key,),
        rooms=rooms,
        menu="View/Image and labels",
        run=lambda window: run(_view(window)),
        enabled=_has_canvas,
        checked=None if checked is None else lambda window: checked(_view(window)),
    )


VIEW_ACTIONS: tuple[Action, ...] = (
    _action(
        "contour",
        "Labels as contours",
        "J",
        "Show what is drawn as lines, to see the image inside; again fills them.",
        lambda view: view.turn_contours(),
        lambda view: view.style.is_contour,
        rooms=_DRAWING,
    ),
    _action(
        "zoom_label",
        "Zoom to label",
        "R",
        "Bring the label that you draw with into view, as large as it fits.",
        lambda view: view.zoom_to_label(),
        rooms=_DRAWING,
    ),
    _action(
        "invert",
        "Invert grey levels",
        "Y",
        "Show bright what is dark, and dark what is bright.",
        lambda view: view.invert(),
        lambda view: view.style.is_inverted,
    ),
    _action(
        "slab",
        "Slab projection",
        "M",
        "Show the highest values of a slab around the slice, and not the slice alone.",
        lambda view: view.turn_slab(),
        lambda view: view.style.slab_mm > 0,
        rooms=_DRAWING,
    ),
    _action(
        "slab_thicker",
        "Thicker slab",
        "Alt+Up",
        "Project a thicker slab.",
        lambda view: view.thicken_slab(+1),
    ),
    _action(
        "slab_thinner",
        "Thinner slab",
        "Alt+Down",
        "Project a thinner slab.",
        lambda view: view.thicken_slab(-1),
    ),
    _action(
        "projection",
        "Maximum, minimum or mean of the slab",
        "Alt+M",
        "Project the highest values of the slab, the lowest, or their mean.",
        lambda view: view.next_projection(),
    ),
    _action(
        "colormap",
        "Next colours",
        "Alt+C",
        "Show values in grey, hot iron, viridis or turbo, with a bar that tells what is what.",
        lambda view: view.next_colormap(),
    ),
    _action(
        "smooth",
        "Smooth image",
        "Alt+S",
        "Interpolate the image between voxels, or show every voxel as it is.",
        lambda view: view.turn_smoothing(),
        lambda view: view.style.is_smooth,
    ),
    _action(
        "oblique",
        "Oblique slice…",
        "Alt+O",
        "Show a slice through the crosshair that can be turned in any direction.",
        lambda view: view.show_oblique(),
    ),
    _action(
        "play",
        "Play",
        "Alt+P",
        "Play through the frames of a video, or the slices; again stops.",
        lambda view: view.play(),
        lambda view: view.cine.is_playing,
    ),
    _action(
        "faster", "Play faster", "Alt+.", "More frames a second.", lambda view: view.change_rate(+1)
    ),
    _action(
        "slower",
        "Play slower",
        "Alt+,",
        "Fewer frames a second.",
        lambda view: view.change_rate(-1),
    ),
)
