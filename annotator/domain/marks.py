"""Marks: points, lines, angles, areas, boxes and landmarks that a rater leaves on a case.

Places are continuous array positions ``(z, y, x)`` of the case's first series; voxel centres lie
at whole numbers. What a mark measures follows from its places and the geometry, and is not kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MarkKind = Literal["point", "landmark", "line", "angle", "area", "box"]
MARK_KINDS: tuple[MarkKind, ...] = ("point", "landmark", "line", "angle", "area", "box")
Place = tuple[float, float, float]
"""``(z, y, x)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One mark.

    Attributes
    ----------
    mark_id : int
        Given once in a reading, from 1; a mark that is moved keeps it.
    kind : str
        ``landmark`` is a point that the schema asks for by name; ``area`` a closed outline.
    places : tuple of Place
        One for a point or landmark; two opposite corners of a box; three of an angle, its vertex
        in the middle; two and more along a line; three and more around an area.
    name : str
        Key of the landmark in the schema; a name that the rater gave otherwise, or nothing.
    label : int
        The label that it is about; 0 for none.
    """

    mark_id: int
    kind: MarkKind
    places: tuple[Place, ...]
    name: str = ""
    label: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkEdit:
    """One step: a mark was set (``before`` is None), changed, or taken away (``after`` is None)."""

    before: Mark | None
    after: Mark | None
