"""The documents name every door, their links lead somewhere, and bundled schemas are sound."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.analysis.runs import decode
from annotator.api import Plugin
from annotator.session.schema_io import bundled_schemas, find_schema
from tests.unit.project_builder import add_case, block, make_session

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
    names = [node.name for node in nodes if isinstance(node, kinds)]
    return [name for name in names if not name.startswith("_")]


@pytest.mark.parametrize("name", public_names())
def test_plugin_guide_documents(name: str) -> None:
    guide = (ROOT / "docs" / "plugin-guide.md").read_text(encoding="utf-8")
    assert re.search(rf"\b{name}\b", guide), f"{name} of annotator.api is not in the plugin guide"


def test_the_method_of_the_plugin_guide_works(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "plugin-guide.md").read_text(encoding="utf-8")
    blocks = re.findall(r"(?s)```python\n(.*?)```", guide)
    (example,) = [code for code in blocks if code.startswith("import")]
    made: dict[str, Any] = {"__name__": "guide"}
    exec(compile(example, "plugin-guide.md", "exec"), made)
    both = block(((1, 2, 2), (3, 8, 8)))
    with_a_speck = both | block(((1, 10, 9), (2, 11, 10)))
    with make_session(tmp_path) as session:
        session.registry.register(Plugin(name="guide", fusion_methods=(made["BlurredVote"],)))
        case = add_case(session, 1)
        geometry = session.store.series(case.series_ids[0]).geometry
        for name, mask in (("Abe", both), ("Baum", with_a_speck), ("Cole", with_a_speck)):
            rater = session.add_rater(name)
            session.add_reading(case.case_id, rater.rater_id, mask, geometry)
        found = {
            name: decode(session.store.fusion_labels(session.fuse(case.case_id, name).fusion_id))
            for name in ("majority", "blurred-vote")
        }
    np.testing.assert_array_equal(found["majority"], with_a_speck)
    assert found["blurred-vote"][1, 10, 9] == 0
    assert found["blurred-vote"][1:3, 3:7, 3:7].all()


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
