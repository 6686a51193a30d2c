"""The page of the agreement report: whole, closed, its words explained, its pictures drawn."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.api import no_progress
from annotator.jobs import acceptance_facts, agreement_facts, mark_facts
from annotator.jobs.report_html import picture_address, report_html, sections_of
from annotator.jobs.report_panels import DARK, LIGHT
from annotator.jobs.report_pictures import PICTURES, WIDTH_IN
from annotator.jobs.report_words import letters, number, scaled_unit, signed
from tests.unit.report_case import NAMES, report_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from annotator.jobs.agreement_facts import AgreementReport
    from annotator.jobs.report_panels import PictureStyle
    from annotator.jobs.report_pictures import Picture
    from annotator.session.session import Session

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with report_session(tmp_path_factory.mktemp("report")) as opened:
        yield opened


@pytest.fixture(scope="module")
def report(session: Session) -> AgreementReport:
    return session.agreement_report()


@pytest.fixture(scope="module")
def with_models(session: Session) -> AgreementReport:
    return session.agreement_report(include_models=True)


class _Page(HTMLParser):
    """What a page holds: tags, addresses, tables, ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "link", "img", "source"):
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "srcset") and value:
                self.addresses.append(value)
            if name == "id" and value:
                self.ids.append(value)
        if tag == "img":
            assert dict(attrs).get("alt")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def page_text(with_models: AgreementReport) -> str:
    return report_html(with_models, no_progress)


def test_page_is_whole_and_closed(with_models: AgreementReport, page_text: str) -> None:
    page = _Page(page_text)
    assert page.open == []
    assert len(set(page.ids)) == len(page.ids)
    assert "script" not in page.tags
    for address in page.addresses:
        assert address.startswith(("data:", "#"))
        if address.startswith("#"):
            assert address[1:] in page.ids
    outside = re.findall(r"(?:https?:)?//[a-z]", re.sub(r'"data:[^"]*"', "", page_text))
    assert outside == []
    shown = [picture for picture in PICTURES if picture.has_content(with_models)]
    assert page.tags.count("img") == len(shown) == 7
    assert page.tags.count("caption") == page.tags.count("table")


def test_names_are_escaped(page_text: str) -> None:
    assert "Ann &lt;b&gt;" in page_text
    assert "Bob &amp; Co" in page_text
    assert "<b>" not in page_text
    assert all(name in "".join(_Page(page_text).text) for name in NAMES)


def test_same_report_same_picture(report: AgreementReport) -> None:
    picture = PICTURES[0]
    found = [picture_address(picture, report, style) for style in (LIGHT, LIGHT, DARK)]
    assert found[0] == found[1] != found[2]


def test_methods_tell_the_recipe(report: AgreementReport) -> None:
    (section,) = [one for one in sections_of(report) if one.key == "methods"]
    text = " ".join(block.text for block in section.blocks if hasattr(block, "text"))
    for words in (
        "soft-vote", "version", "12 with two or more", "3 people", "36 readings",
        report.about.surface_definition, "2000 bootstrap draws", report.about.version,
        "Readings of models were not counted", "fewer than two submitted readings",
    ):  # fmt: skip
        assert words in text


def test_every_abbreviation_in_a_table_is_explained(with_models: AgreementReport) -> None:
    sections = {section.key: section for section in sections_of(with_models)}
    terms = repr(sections.pop("terms"))
    heads = re.findall(r"head=\((.*?)\)", repr(tuple(sections.values())))
    for word in ("Dice", "IoU", "kappa", "AC1", "HD95", "Surface Dice", "ICC", "ECE", "ACE",
                 "Brier", "Log loss", "Soft Dice", "CRPS", "Energy distance", "Repeatability",
                 "alpha", "Agreed share"):  # fmt: skip
        assert any(word in head for head in heads), word
        assert word.lower() in terms.lower(), word


@pytest.mark.parametrize("style", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    "picture",
    [picture for picture in PICTURES if picture.key != "landmarks"],  # nothing is marked here
    ids=lambda picture: str(picture.key),
)
def test_pictures_draw_in_both_styles(
    with_models: AgreementReport,
    picture: Picture,
    style: PictureStyle,
) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, picture.height_in(with_models)))
    canvas = FigureCanvasAgg(figure)
    picture.draw(figure, with_models, style)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    inked = (pixels[..., 3] > 0).mean()
    assert 0.005 < inked < 0.6
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(box.x0, box.y0) >= -0.02
    assert (box.x1, box.y1) <= (width + 0.02, height + 0.02)


def test_numbers_in_words(with_models: AgreementReport) -> None:
    assert number(-0.12345, 2) == "−0.12"
    assert number(-0.001, 2) == "0.00"
    assert number(None) == "–"
    assert signed(0.5, 1) == "+0.5"
    assert signed(-0.5, 1) == "−0.5"
    assert scaled_unit("mm³", 52_000.0) == ("mL", 1e-3)
    assert scaled_unit("px", 52_000.0) == ("px", 1.0)
    assert list(letters(with_models).values()) == ["A", "B", "C", "D"]


def test_every_key_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "agreement-report.md").read_text(encoding="utf-8")
    modules = (agreement_facts, acceptance_facts, mark_facts)
    for kind in (found for module in modules for found in vars(module).values()):
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            if kind.__module__ not in {module.__name__ for module in modules}:
                continue
            for field in dataclasses.fields(kind):
                assert f"`{field.name}`" in page, f"{kind.__name__}.{field.name}"
