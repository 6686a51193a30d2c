"""Files that would run something, and how tests see that they are refused."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from annotator.api import NetworkCard
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.api import NetworkFormat


class Bomb:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.witness,))


CARD = NetworkCard(title="Any", n_dims=3, n_channels=1, labels=((1, "Lesion"),))


def refused_at_sight(found: NetworkFormat, path: Path, words: str) -> None:
    with pytest.raises(AnnotatorError, match=words):
        found.inspect(path)


def refused(found: NetworkFormat, path: Path, words: str) -> None:
    """Check that a network is refused in these words, when it is looked at and when opened."""
    refused_at_sight(found, path, words)
    with pytest.raises(AnnotatorError, match=words):
        found.open(path, CARD, "cpu", mixed=False)


def rewrite(path: Path, change: Callable[[str, bytes], bytes | None], **extra: bytes) -> Path:
    """Write an archive anew, each member changed; None leaves it out."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            changed = change(name, content)
            if changed is not None:
                archive.writestr(name, changed)
        for name, content in extra.items():
            archive.writestr(name, content)
    return path


EVIL = "__import__('pathlib').Path('{witness}').touch()"
