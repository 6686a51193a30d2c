"""Grey-level windows to choose from, in modality units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.domain.windows import presets_for

if TYPE_CHECKING:
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Series, Window


def windows_for(series: Series, schema: LabelSchema) -> tuple[Window, ...]:
    """Return the windows to offer for a series, those the schema names first; none for colour.

    A window that the file brings takes the place of the usual one of that name.
    """
    if series.n_channels > 1:
        return ()
    own = {window.name.casefold() for window in series.windows}
    usual = [window for window in presets_for(series.modality) if window.name not in own]
    wanted = [name.casefold() for name in schema.windows]
    named = [window for name in wanted for window in usual if window.name == name]
    return (*named, *series.windows, *(window for window in usual if window not in named))
