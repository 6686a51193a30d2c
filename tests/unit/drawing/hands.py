"""Makes gestures with tools as a mouse does, without a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.drawing.edit import Mask, Point, box_slices
from annotator.drawing.gesture import Held
from annotator.drawing.options import with_defaults
from annotator.drawing.surface import Surface

if TYPE_CHECKING:
    from annotator.drawing.edit import Edit
    from annotator.drawing.gesture import Gesture
    from annotator.drawing.options import Chosen


def take_up(
    tool: type[Gesture],
    surface: Surface | Mask,
    *,
    label: int = 1,
    diameter_mm: float = 10.0,
    plane: int = 0,
    index: int = 0,
    is_3d: bool = False,
    **chosen: Chosen,
) -> Gesture:
    """Return a gesture that begins; a bare mask has voxels of 1 mm."""
    if not isinstance(surface, Surface):
        surface = Surface(mask=surface)
    held = Held(
        label=label,
        diameter_mm=diameter_mm,
        is_3d=is_3d,
        chosen=with_defaults(tool.options, chosen),
    )
    return tool(surface, held, plane=plane, index=index)


def stroke(gesture: Gesture, *places: Point) -> Edit | None:
    """Press at the first place, drag over the others, release; return the edit."""
    gesture.press(places[0])
    for place in places[1:]:
        gesture.drag(place)
    gesture.release()
    return worked(gesture)


def worked(gesture: Gesture) -> Edit | None:
    """Do what the gesture wants to have worked out beside the window; return its edit if done."""
    while gesture.work is not None and not gesture.is_done:
        work, gesture.work = gesture.work, None
        result: Any = work(lambda: False)
        gesture.take(result)
    return gesture.finish() if gesture.is_done else None


def take_back(mask: Mask, edit: Edit) -> None:
    """Undo an edit as the draft does."""
    mask[box_slices(edit.box)] = edit.before
