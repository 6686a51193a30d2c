"""The documents name every door, their links lead somewhere, and bundled schemas are sound."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from annotator.session.schema_io import bundled_schemas, find_schema

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("resources/**/*.md")]
)
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


def public_names() -> list[str]:
    """Return every public class and function of the plugin interface."""
    files = sorted((ROOT / "annotator" / "api").glob("*.py"))
    kinds = (ast.ClassDef, ast.FunctionDef)
    nodes = (node for file in files for node in ast.parse(file.read_text(encoding="utf-8")).body)
    return [node.name for node in nodes if isinstance(node, kinds)]


@pytest.mark.parametrize("name", public_names())
def test_plugin_guide_documents(name: str) -> None:
    guide = (ROOT / "docs" / "plugin-guide.md").read_text(encoding="utf-8")
    assert re.search(rf"\b{name}\b", guide), f"{name} of annotator.api is not in the plugin guide"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    broken = [link for link in links if not (page.parent / link).exists()]
    assert not broken


def test_pictures_are_small_and_used() -> None:
    pictures = sorted((ROOT / "docs" / "pictures").glob("*.png"))
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [picture.name for picture in pictures if picture.stat().st_size > 300_000] == []
    assert [picture.name for picture in pictures if picture.name not in text] == []


@pytest.mark.parametrize("name", bundled_schemas())
def test_bundled_schema_is_sound(name: str) -> None:
    schema = find_schema(name)
    assert schema.name == name
    colors = [label.color for label in schema.labels]
    assert len(set(colors)) == len(colors)


def test_decisions_are_numbered_without_gaps() -> None:
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
