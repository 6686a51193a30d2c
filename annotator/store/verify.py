"""Does everything that is kept still fit together? What does not is named in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from annotator.api import Progress


def problems(connection: Connection, cache_dir: Path, progress: Progress) -> tuple[str, ...]:
    """Return everything that does not fit; empty when the project is sound."""
    return ()
