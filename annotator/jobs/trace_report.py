"""The report on traced cases: what was looked for, what was found, what was decided and changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np

from annotator import __version__
from annotator.analysis.tracing.tree import edge_lengths
from annotator.domain.errors import AnnotatorError
from annotator.jobs.report_content import Paragraph, Section, Sheet
from annotator.jobs.report_html import page, refuse_directory, write_page
from annotator.jobs.report_words import counted_noun, day
from annotator.jobs.trace_adjudicating import open_ends

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from annotator.analysis.tracing.tree import Tree
    from annotator.api import Progress
    from annotator.domain.reading import Rater
    from annotator.domain.study import Case
    from annotator.domain.trace_review import FoundTraces, TraceSignOff, TraceVerdict
    from annotator.domain.tracing import TraceChoice
    from annotator.jobs.report_content import Block
    from annotator.store import Store

_MOST_PLACES = 200
_CHOICES: tuple[TraceChoice, ...] = ("keep", "cut", "connect", "take", "uncertain")


def report_traces(
    store: Store, path: Path, case_ids: Sequence[str] | None, progress: Progress
) -> tuple[int, int]:
    """Write the report on the chosen traced cases, or all; return how many cases and bytes.

    Tells what was found last and the verdicts that hold, of a signed-off case those that made it.
    Raises AnnotatorError where none of them was looked through yet.
    """
    refuse_directory(path)
    every = store.tracing_cases()
    cases = every if case_ids is None else tuple(map(store.tracing_case, case_ids))
    raters = {rater.rater_id: rater for rater in store.raters()}
    sections: list[Section] = []
    left_out: list[str] = []
    for number, case in enumerate(cases):
        progress(number / len(cases), case.title)
        signed = store.trace_sign_off(case.case_id)
        found = store.trace_findings(case.case_id) if signed is None else signed.found
        if found is None:
            left_out.append(case.title)
            continue
        verdicts = (
            store.trace_verdicts(case.case_id, found.findings_key)
            if signed is None
            else signed.verdicts
        )
        sections.append(_section(store, case, found, verdicts, signed, raters))
    if not sections:
        raise AnnotatorError(
            "no traced case was looked through yet: annotator trace-findings PROJECT, or open one "
            "in the review"
        )
    info = store.project()
    text = page(
        kind="Report on tracings",
        title=info.title,
        version=__version__,
        made=_left_out(left_out) or "all traced cases that were asked for",
        facts=[("Traced cases", str(len(sections))), ("Tracers", str(_n_tracers(store, cases)))],
        sections=sections,
        pictures={},
    )
    progress(1.0, f"{len(sections)} cases")
    return len(sections), write_page(path, text)


def _left_out(titles: Sequence[str]) -> str:
    return f"not looked through yet: {', '.join(titles)}" if titles else ""


def _n_tracers(store: Store, cases: Sequence[Case]) -> int:
    return len({one.rater_id for case in cases for one in store.annotations(case.case_id)})


def _section(
    store: Store,
    case: Case,
    found: FoundTraces,
    verdicts: Sequence[TraceVerdict],
    signed: TraceSignOff | None,
    raters: Mapping[str, Rater],
) -> Section:
    blocks: list[Block] = [
        Paragraph(text=_summary(found, verdicts, signed, raters)),
        _tracers(store, found, raters),
        _checks(found, verdicts),
    ]
    base = store.annotation_tree(found.base_id)
    if signed is not None:
        blocks.append(_changes(base, store.signed_off_tree(signed.sign_off_id)))
    stops = open_ends(base, verdicts)
    if stops:
        blocks.append(_stop_list(found, stops, raters))
    if found.items:
        blocks.append(_places(found, verdicts, raters))
    return Section(key=f"case-{case.case_id}", title=case.title, blocks=tuple(blocks))


def _summary(
    found: FoundTraces,
    verdicts: Sequence[TraceVerdict],
    signed: TraceSignOff | None,
    raters: Mapping[str, Rater],
) -> str:
    times = Counter(verdict.choice for verdict in verdicts)
    decided = ", ".join(f"{choice} {times[choice]}" for choice in _CHOICES if times[choice])
    words = (
        f"{counted_noun(len(found.checked), 'check')} looked through a tracing of "
        f"{counted_noun(found.n_nodes, 'node')} and {found.cable_um:.0f} µm of cable: "
        f"{counted_noun(len(found.items), 'place')} to look at, {len(verdicts)} decided"
    )
    words += f" ({decided})." if decided else "."
    if signed is not None:
        name = raters[signed.reviewer_id].name
        return f"{words} Signed off by {name}, {day(signed.created_at)}."
    return f"{words} Not signed off."


def _tracers(store: Store, found: FoundTraces, raters: Mapping[str, Rater]) -> Sheet:
    rows = []
    for annotation_id in found.inputs:
        rater = raters[store.annotation(annotation_id).rater_id]
        tree = store.annotation_tree(annotation_id)
        rows.append(
            (
                rater.name,
                "automatic" if rater.is_model else "person",
                "reviewed" if annotation_id == found.base_id else "beside it",
                str(len(tree)),
                f"{_cable_um(tree):.0f}",
            )
        )
    return Sheet(
        caption="Tracings",
        head=("Tracer", "Kind", "Role", "Nodes", "Cable (µm)"),
        rows=tuple(sorted(rows)),
        n_names=3,
    )


def _checks(found: FoundTraces, verdicts: Sequence[TraceVerdict]) -> Sheet:
    choices = {verdict.region: verdict.choice for verdict in verdicts}
    places: dict[str, list[int]] = defaultdict(list)
    stake: dict[str, float] = defaultdict(float)
    for item in found.items:
        for reason in item.reasons:
            places[reason.check].append(item.region)
            stake[reason.check] += reason.at_stake_um
    names = dict.fromkeys((*(sorted(places, key=lambda name: -stake[name])), *found.checked))
    rows = []
    for name in names:
        own = [choices.get(region) for region in set(places[name])]
        n_fixed = sum(choice in ("cut", "connect", "take") for choice in own)
        rows.append(
            (
                name,
                str(len(own)),
                f"{stake[name]:.0f}",
                str(n_fixed),
                str(own.count("keep")),
                str(own.count("uncertain")),
            )
        )
    return Sheet(
        caption="What was looked for, what was found, what came of it",
        head=("Check", "Places", "At stake (µm)", "Changed", "Kept", "Uncertain"),
        rows=tuple(rows),
        note="A place that several checks name is counted with each of them.",
    )


def _changes(base: Tree, decided: Tree) -> Sheet:
    kept = len(np.intersect1d(base.ids, decided.ids, assume_unique=True))
    return Sheet(
        caption="What the verdicts made of the tracing",
        head=("", "Nodes", "Cable (µm)"),
        rows=(
            ("before", str(len(base)), f"{_cable_um(base):.0f}"),
            ("taken away", str(len(base) - kept), ""),
            ("added", str(len(decided) - kept), ""),
            ("signed off", str(len(decided)), f"{_cable_um(decided):.0f}"),
        ),
    )


def _stop_list(
    found: FoundTraces, stops: Sequence[TraceVerdict], raters: Mapping[str, Rater]
) -> Sheet:
    places = {item.region: item for item in found.items}
    return Sheet(
        caption="To be looked at again",
        head=("Place", "Node", "x, y, z (µm)", "Who", "Comment"),
        rows=tuple(
            (
                str(stop.region),
                str(stop.node_id),
                ", ".join(f"{one:.1f}" for one in places[stop.region].point_um),
                raters[stop.reviewer_id].name,
                stop.comment,
            )
            for stop in stops
        ),
        n_names=2,
    )


def _places(
    found: FoundTraces, verdicts: Sequence[TraceVerdict], raters: Mapping[str, Rater]
) -> Sheet:
    held = {verdict.region: verdict for verdict in verdicts}
    rows = []
    for item in found.items[:_MOST_PLACES]:
        verdict = held.get(item.region)
        said = f"{verdict.choice}: {verdict.reason}" if verdict else "open"
        rows.append(
            (
                str(item.region),
                ", ".join(dict.fromkeys(reason.check for reason in item.reasons)),
                str(item.node_id),
                f"{item.at_stake_um:.0f}",
                item.reasons[0].why,
                f"{said} ({raters[verdict.reviewer_id].name})" if verdict else said,
            )
        )
    more = len(found.items) - len(rows)
    return Sheet(
        caption="Places, most at stake first",
        head=("Place", "Found by", "Node", "At stake (µm)", "Why", "Verdict"),
        rows=tuple(rows),
        n_names=2,
        note=f"{more} more are in the table of findings." if more else "",
    )


def _cable_um(tree: Tree) -> float:
    return float(np.nansum(edge_lengths(tree)))
