"""Grey-level windows to choose from, in modality units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.domain.study import Window

if TYPE_CHECKING:
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Series

CT_WINDOWS: tuple[Window, ...] = (
    Window(name="soft tissue", level=40, width=400),
    Window(name="lung", level=-600, width=1500),
    Window(name="bone", level=400, width=1800),
    Window(name="brain", level=40, width=80),
    Window(name="liver", level=60, width=160),
    Window(name="mediastinum", level=50, width=350),
    Window(name="stroke", level=32, width=8),
    Window(name="angio", level=300, width=600),
)


def windows_for(series: Series, schema: LabelSchema) -> tuple[Window, ...]:
    """Return the windows to offer for a series, those the schema names first; none for colour."""
    if series.n_channels > 1:
        return ()
    if series.modality != "CT":
        return series.windows
    wanted = [name.casefold() for name in schema.windows]
    ranked = sorted(
        CT_WINDOWS,
        key=lambda window: wanted.index(window.name) if window.name in wanted else len(wanted),
    )
    from_file = tuple(
        window
        for window in series.windows
        if all((window.level, window.width) != (known.level, known.width) for known in ranked)
    )
    return (*ranked[: len(wanted)], *from_file, *ranked[len(wanted) :])
