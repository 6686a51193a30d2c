"""Plugins that are installed for one test, in its process and in the workers that it starts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def install_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Install a plugin ``moods`` for this process and its workers."""
    place = tmp_path / "site"
    facts = place / "moods-1.0.dist-info"
    facts.mkdir(parents=True)
    (place / "moods.py").write_text(code)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: moods\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[annotator.plugins]\nmoods = moods:plugin\n")
    monkeypatch.syspath_prepend(place)
    monkeypatch.setenv("PYTHONPATH", str(place))
    monkeypatch.delitem(sys.modules, "moods", raising=False)
