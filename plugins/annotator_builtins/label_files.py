"""What the files of masks are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annotator.domain.label_groups import MaskValues


def group_endings(values: MaskValues) -> dict[str, str]:
    """Return by group what the names of its files end with; nothing where there is one group."""
    if not values.may_overlap:
        return dict.fromkeys(values.groups, "")
    endings: dict[str, str] = {}
    for group in values.groups:
        ending, times = f"_{file_name(group) or 'other'}", 1
        while ending in endings.values() or ending[1:].isdecimal():
            times += 1
            ending = f"_{file_name(group) or 'other'}-{times}"
        endings[group] = ending
    return endings


def file_name(name: str) -> str:
    """Return a name as a part of the name of a file."""
    return "".join(letter if letter.isalnum() else "-" for letter in name.casefold())
