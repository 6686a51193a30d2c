"""The agreement report as one HTML file that needs nothing else, to be read, printed and sent."""

from __future__ import annotations

import base64
import io
import re
from html import escape
from string import Template
from typing import TYPE_CHECKING

from annotator.bundled import resource
from annotator.domain.errors import AnnotatorError
from annotator.jobs import (
    report_acceptance,
    report_marks,
    report_measures,
    report_methods,
    report_sections,
)
from annotator.jobs.agreement_report import DEFAULTS, report_agreement
from annotator.jobs.report_content import Drawing, Paragraph, Section, Sheet, Terms
from annotator.jobs.report_panels import DARK, LIGHT
from annotator.jobs.report_pictures import PICTURES, WIDTH_IN
from annotator.jobs.report_words import day

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from annotator.api import Progress
    from annotator.jobs.agreement_facts import AgreementReport
    from annotator.jobs.agreement_report import ReportSettings
    from annotator.jobs.report_content import Block
    from annotator.jobs.report_panels import PictureStyle
    from annotator.jobs.report_pictures import Picture
    from annotator.registry import Registry
    from annotator.store import Store

_INTERVAL = re.compile(r"^(?P<value>.+?) (?P<ends>\(.+ to .+\))(?P<unit>.*)$")


def report_to_file(
    store: Store,
    registry: Registry,
    path: Path,
    case_ids: Sequence[str] | None,
    progress: Progress,
    settings: ReportSettings = DEFAULTS,
) -> tuple[AgreementReport, int]:
    """Compare the chosen cases, or all, and write the report; return it and how many bytes."""
    refuse_directory(path)
    cases = store.cases() if case_ids is None else tuple(map(store.study_case, case_ids))

    def gathering(fraction: float, message: str) -> None:
        progress(0.8 * fraction, message)

    def drawing(fraction: float, message: str) -> None:
        progress(0.8 + 0.2 * fraction, message)

    report = report_agreement(store, registry, cases, gathering, settings)
    return report, write_report(report, path, drawing)


def refuse_directory(path: Path) -> None:
    """Raise AnnotatorError where there can be no file of that name, before anything is computed."""
    if path.is_dir():
        raise AnnotatorError(f"{path} is a directory; name the file to write, such as report.html")


def write_report(report: AgreementReport, path: Path, progress: Progress) -> int:
    """Write the report as HTML; return how many bytes. An existing file is replaced."""
    return write_page(path, report_html(report, progress))


def write_page(path: Path, text: str) -> int:
    """Write a page in UTF-8; return how many bytes. An existing file is replaced."""
    refuse_directory(path)
    content = text.encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise AnnotatorError(f"{path} cannot be written: {error.strerror or error}") from error
    return len(content)


def report_html(report: AgreementReport, progress: Progress) -> str:
    """Return the report as HTML. The same report gives the same text."""
    sections = sections_of(report)
    pictures = {}
    known = [picture for picture in PICTURES if picture.has_content(report)]
    for number, picture in enumerate(known):
        progress(number / len(known), f"drawing “{picture.title}”")
        pictures[picture.key] = tuple(
            picture_address(picture, report, style) for style in (LIGHT, DARK)
        )
    about = report.about
    return page(
        kind="Agreement report",
        title=about.title,
        version=about.version,
        made=f"{day(about.created_at)}, label schema “{about.schema}”",
        facts=_facts(report),
        sections=sections,
        pictures=pictures,
    )


def page(
    *,
    kind: str,
    title: str,
    version: str,
    made: str,
    facts: Sequence[tuple[str, str]],
    sections: Sequence[Section],
    pictures: Mapping[str, tuple[str, ...]],
) -> str:
    """Return a report as one HTML page; ``kind`` says what report it is."""
    folder = resource("report")
    return Template((folder / "report.html").read_text(encoding="utf-8")).substitute(
        style=(folder / "report.css").read_text(encoding="utf-8"),
        kind=escape(kind),
        title=escape(title),
        version=escape(version),
        made=escape(made),
        facts="\n".join(_fact(name, value) for name, value in facts),
        contents="\n".join(
            f'<li><a href="#{section.key}">{escape(section.title)}</a></li>' for section in sections
        ),
        sections="\n".join(_section(section, pictures) for section in sections),
    )


def sections_of(report: AgreementReport) -> tuple[Section, ...]:
    """Return all parts of the report, in order; those that have nothing to say are left out."""
    is_drawn = bool(report.labels)  # projects may hold marks only
    found = (
        report_methods.summary(report),
        report_methods.methods(report),
        report_sections.who(report),
        report_sections.agreement(report) if is_drawn else None,
        report_sections.pairs(report) if is_drawn else None,
        report_sections.raters(report) if is_drawn else None,
        report_measures.sizes(report),
        report_marks.marks(report),
        report_measures.questions(report),
        report_measures.probabilities(report),
        report_sections.over_time(report),
        report_sections.groups(report),
        report_acceptance.acceptance(report),
        report_sections.cases(report) if is_drawn else None,
        report_methods.terms(),
    )
    return tuple(section for section in found if section is not None)


def _facts(report: AgreementReport) -> list[tuple[str, str]]:
    about = report.about
    people = [rater for rater in about.raters if not rater.is_model]
    models = len(about.raters) - len(people)
    facts = [
        ("Cases", str(about.n_cases)),
        ("People", str(len(people))),
        ("Readings", str(sum(rater.n_readings for rater in about.raters))),
        ("Structures", str(len(about.labels))),
        ("Signed off", str(about.n_signed_off)),
    ]
    return [*facts[:2], ("Models", str(models)), *facts[2:]] if models else facts


def _fact(name: str, value: str) -> str:
    return f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"


def _section(section: Section, pictures: Mapping[str, tuple[str, ...]]) -> str:
    blocks = "\n".join(_block(block, pictures) for block in section.blocks)
    head = f'<h2 id="{section.key}-title">{escape(section.title)}</h2>'
    return (
        f'<section id="{section.key}" aria-labelledby="{section.key}-title">\n'
        f"{head}\n{blocks}\n</section>"
    )


def _block(block: Block, pictures: Mapping[str, tuple[str, ...]]) -> str:
    if isinstance(block, Paragraph):
        kind = ' class="note"' if block.is_note else ""
        return f"<p{kind}>{escape(block.text)}</p>"
    if isinstance(block, Sheet):
        return _table(block)
    if isinstance(block, Terms):
        entries = "\n".join(
            f"<dt>{escape(term)}</dt><dd>{escape(meaning)}</dd>" for term, meaning in block.entries
        )
        return f'<dl class="terms">\n{entries}\n</dl>'
    return _figure(block, pictures)


def _figure(block: Drawing, pictures: Mapping[str, tuple[str, ...]]) -> str:
    if block.key not in pictures:
        return ""
    light, dark = pictures[block.key]
    return (
        "<figure>\n<picture>\n"
        f'<source media="screen and (prefers-color-scheme: dark)" srcset="{dark}">\n'
        f'<img src="{light}" alt="{escape(block.in_words)}">\n'
        f"</picture>\n<figcaption>{escape(block.caption)}</figcaption>\n</figure>"
    )


def _table(sheet: Sheet) -> str:
    kinds = ["name"] * sheet.n_names + ["number"] * (len(sheet.head) - sheet.n_names)
    head = "".join(
        f'<th scope="col" class="{kind}">{escape(cell)}</th>'
        for kind, cell in zip(kinds, sheet.head, strict=True)
    )
    rows = "\n".join(
        "<tr>"
        + "".join(
            f'<th scope="row" class="name">{escape(cell)}</th>'
            if place < sheet.n_names
            else f"<td>{_cell(cell)}</td>"
            for place, cell in enumerate(row)
        )
        + "</tr>"
        for row in sheet.rows
    )
    note = f'\n<p class="note">{escape(sheet.note)}</p>' if sheet.note else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(sheet.caption)}">\n'
        f"<table>\n<caption>{escape(sheet.caption)}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</div>{note}"
    )


def _cell(text: str) -> str:
    """Return a cell: a number that stays on one line, and its interval, muted, on one line."""
    found = _INTERVAL.match(text)
    if found is None:
        return f'<span class="value">{escape(text)}</span>'
    value = f"{found['value']}{found['unit']}"
    return (
        f'<span class="value">{escape(value)}</span> '
        f'<span class="ends">{escape(found["ends"])}</span>'
    )


def picture_address(picture: Picture, report: AgreementReport, style: PictureStyle) -> str:
    """Return a picture as the address of its own content."""
    # Loaded here: it takes longer than everything else, and most of the program never draws.
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # Outlines of letters, so that the picture looks the same wherever it is read; names that
    # do not change from run to run.
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": picture.key}):
        figure = Figure(figsize=(WIDTH_IN, picture.height_in(report)))
        # Named, so that a frozen program holds it: savefig would look for it by name.
        FigureCanvasSVG(figure)
        picture.draw(figure, report, style)
        stream = io.BytesIO()
        figure.savefig(
            stream, format="svg", facecolor=style.back, metadata={"Date": None, "Creator": None}
        )
    return f"data:image/svg+xml;base64,{base64.b64encode(stream.getvalue()).decode()}"
