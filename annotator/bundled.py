"""Files that travel with the program: schemas, icons, styles."""

from __future__ import annotations

from pathlib import Path

from annotator.domain.errors import AnnotatorError

_PACKAGE = Path(__file__).parent


def resources() -> Path:
    """Return the resources directory: of the installed wheel, or of the checkout."""
    for directory in (_PACKAGE / "resources", _PACKAGE.parent / "resources"):
        if directory.is_dir():
            return directory
    raise AnnotatorError(
        f"the program's resources are missing: neither {_PACKAGE / 'resources'} nor "
        f"{_PACKAGE.parent / 'resources'} exists; install annotator again"
    )


def resource(path: str) -> Path:
    """Return a bundled file or directory, for example ``schemas/lung.json``; it may not exist."""
    return resources() / path
