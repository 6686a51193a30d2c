"""Tables and pictures of the study of fusion methods."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
from study_diagnosis import ALL_KNOWN, mean_auc
from study_measures import ALONE

from annotator.analysis.bootstrap import bootstrap_interval
from annotator.analysis.evaluation import aurc, auroc, effort_saved, excess_aurc
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from study_diagnosis import Diagnosed
    from study_measures import Row
    from study_ranking import Ranked
    from study_sets import Refusal

    Statistic = Callable[[NDArray[Any]], float | None]

PEERS = {"majority": "vote", "staple": "STAPLE"}
MEASURES = {"dice": ("Dice", 1), "hd95_mm": ("HD95, mm", -1), "soft_dice": ("soft Dice", 1)}
"""Title, and whether more is better."""
SCORES = {
    "outline_mm": "outlines apart, mm",
    "doubt": "share in doubt",
    "smallness": "size only, small first",
}
NO_ORDER = "no order at all"
_HARD_SHARE = 0.2


def set_table(rows: Iterable[Row], *, n_draws: int, with_objects: bool = False) -> str:
    """Return how each method did on one set, against the vote and STAPLE on the same cases."""
    by_method: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        by_method[row.method][row.case] = row
    heads = ["method", "cases"]
    for title, _ in MEASURES.values():
        heads += [title, *(f"− {peer}" for peer in PEERS.values())]
    lines = [heads + (["objects, F1"] if with_objects else []) + ["ms a case"]]
    for method, own in by_method.items():
        cells = [f"`{method}`" if method != ALONE else "one rater alone", str(len(own))]
        for name, (_, sign) in MEASURES.items():
            cells.append(_mean_words([getattr(row, name) for row in own.values()]))
            for peer in PEERS:
                cells.append(
                    "" if method == peer else _difference(own, by_method[peer], name, sign, n_draws)
                )
        if with_objects:
            cells.append(_mean_words([row.object_f1 for row in own.values()]))
        seconds = [row.seconds for row in own.values()]
        cells.append("" if method == ALONE else f"{1000 * float(np.mean(seconds)):.0f}")
        lines.append(cells)
    return _markdown(lines)


def differences(own: Mapping[str, Row], peer: Mapping[str, Row], name: str) -> NDArray[np.float64]:
    """Return a measure's difference on the cases that both have, where it is defined."""
    pairs = [getattr(own[case], name) - getattr(peer[case], name) for case in own if case in peer]
    values = np.array(pairs, np.float64)
    return values[np.isfinite(values)]


def _difference(
    own: Mapping[str, Row], peer: Mapping[str, Row], name: str, sign: int, n_draws: int
) -> str:
    found = bootstrap_interval(differences(own, peer, name), _mean, n_draws)
    if found is None:
        return "–"
    better = found.low > 0 if sign > 0 else found.high < 0
    worse = found.high < 0 if sign > 0 else found.low > 0
    mark = " ▲" if better else " ▼" if worse else ""
    digits = 3 if name != "hd95_mm" else 2
    mark = mark if round(found.value, digits) else ""
    return f"{found.value:+.{digits}f} ({found.low:+.{digits}f} to {found.high:+.{digits}f}){mark}"


def diagnosis_table(found: Sequence[Diagnosed], rows: Sequence[Row], *, n_draws: int) -> str:
    """Return the AUC of a diagnosis from each method's masks, and what else they are worth."""
    by_name = {entry.method: entry for entry in found}
    overlap: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        overlap[row.method].append(row.dice)
    lines = [["masks by", "cases", "AUC, held out", *(f"− {p}" for p in PEERS.values()), "Dice"]]
    for entry in found:
        cells = [f"`{entry.method}`" if entry.method != ALL_KNOWN else "the truth"]
        cells += [str(len(entry.risk)), _auc_words(entry, None, n_draws)]
        for peer in PEERS:
            known = by_name.get(peer)
            cells.append(
                "" if entry.method == peer or known is None else _auc_words(entry, known, n_draws)
            )
        cells.append(_mean_words(overlap[entry.method]) if entry.method in overlap else "1")
        lines.append(cells)
    return _markdown(lines)


def _auc_words(entry: Diagnosed, peer: Diagnosed | None, n_draws: int) -> str:
    """Return the AUC with its interval, or how far it exceeds the peer's; cases drawn by seed."""
    n = len(entry.risk)
    columns = [entry.risk, entry.is_diseased, entry.group_number()]
    columns.append(entry.risk if peer is None else peer.risk[:n])
    table = np.column_stack(columns)

    def statistic(drawn: NDArray[np.float64]) -> float | None:
        ill, group = drawn[:, 1].astype(np.bool_), drawn[:, 2]
        own = mean_auc(drawn[:, 0], ill, group)
        return own if peer is None else own - mean_auc(drawn[:, 3], ill, group)

    found = bootstrap_interval(table, statistic, n_draws)
    if found is None:
        return "–"
    if peer is None:
        return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
    mark = " ▲" if found.low > 0 else " ▼" if found.high < 0 else ""
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f}){mark}"


def ranking_table(cases: Sequence[Ranked], *, n_draws: int) -> str:
    """Return how well each score finds hard cases, with intervals over cases."""
    table = ranking_columns(cases)
    has_latent = len(set(table[:, -1].tolist())) > 1
    heads = ["score", "cases"]
    heads += ["AUROC, hardest fifth"] if has_latent else []
    heads += ["AUROC, worst fifth", "AURC", "E-AURC", "looks saved, 95 % of the worst found"]
    lines = [heads]
    for place, title in enumerate([*SCORES.values(), NO_ORDER]):
        own = table[:, [place, -2, -1]]
        told = ([_finds_hardest] if has_latent else []) + [
            _finds_worst,
            lambda drawn: aurc(drawn[:, 0], drawn[:, 1]),
            lambda drawn: excess_aurc(drawn[:, 0], drawn[:, 1]),
            lambda drawn: effort_saved(drawn[:, 0], _top(drawn[:, 1])),
        ]
        cells = [_interval_words(own, statistic, n_draws) for statistic in told]
        lines.append([title, str(len(table)), *cells])
    return _markdown(lines)


def _finds_hardest(drawn: NDArray[np.float64]) -> float | None:
    return auroc(drawn[:, 0], _top(drawn[:, 2]))


def _finds_worst(drawn: NDArray[np.float64]) -> float | None:
    return auroc(drawn[:, 0], _top(drawn[:, 1]))


def ranking_columns(cases: Sequence[Ranked]) -> NDArray[np.float64]:
    """Return the scores, one that orders nothing, risk and difficulty of each case."""
    scores = [[getattr(one, name) for name in SCORES] for one in cases]
    return np.array(
        [[*own, 0.0, one.risk, one.difficulty] for own, one in zip(scores, cases, strict=True)]
    )


def _top(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(values > np.quantile(values, 1 - _HARD_SHARE))


def refusal_table(refusals: Sequence[Refusal]) -> str:
    """Return which methods did not do which sets, and why."""
    if not refusals:
        return "Every method did every set."
    by_method: dict[str, list[Refusal]] = defaultdict(list)
    for one in refusals:
        by_method[one.method].append(one)
    lines = [["method", "sets", "reason, on the first of them"]]
    lines += [
        [
            f"`{method}`",
            ", ".join(dict.fromkeys(one.set_name for one in own)),
            own[0].reason.replace("|", "/"),
        ]
        for method, own in by_method.items()
    ]
    return _markdown(lines)


def put_between(page: str, name: str, content: str) -> str:
    """Return a page with what stands between the markers of that name replaced."""
    pattern = re.compile(
        rf"(<!-- begin {re.escape(name)} -->\n).*?(<!-- end {name} -->)", re.DOTALL
    )
    if not pattern.search(page):
        raise AnnotatorError(f"the page has no markers for {name!r}")
    return pattern.sub(lambda found: f"{found[1]}\n{content}\n\n{found[2]}", page)


def draw_differences(rows: Sequence[Row], path: Path, *, n_draws: int) -> None:
    """Draw each method's Dice less the vote's, with intervals, a panel a set."""
    from matplotlib.figure import Figure

    sets: dict[str, dict[str, dict[str, Row]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        sets[row.set_name][row.method][row.case] = row
    names = [
        name
        for name in dict.fromkeys(row.method for row in rows)
        if name not in (ALONE, "majority")
    ]
    n_columns = 4
    n_rows = -(-len(sets) // n_columns)
    figure = Figure(figsize=(11, 0.9 + n_rows * (0.7 + 0.2 * len(names))), layout="constrained")
    axes = np.atleast_1d(figure.subplots(n_rows, n_columns, sharey=True, squeeze=False)).ravel()
    for axis, (set_name, by_method) in zip(axes, sets.items(), strict=False):
        axis.axvline(0, color="0.6", linewidth=1)
        for place, name in enumerate(names):
            found = bootstrap_interval(
                differences(by_method[name], by_method["majority"], "dice"), _mean, n_draws
            )
            if found is not None:
                colour = "#0072b2" if found.low > 0 else "#d55e00" if found.high < 0 else "0.4"
                axis.plot([found.low, found.high], [place, place], color=colour, linewidth=2)
                axis.plot(found.value, place, "o", color=colour, markersize=4)
        axis.set_title(set_name, fontsize=9)
        axis.set_yticks(range(len(names)), names, fontsize=8)
        axis.tick_params(axis="x", labelsize=7)
        axis.locator_params(axis="x", nbins=5)
    axes[0].invert_yaxis()
    for axis in axes[len(sets) :]:
        axis.set_visible(False)
    figure.supxlabel("Dice less the vote's, mean over the same cases, 95 % interval", fontsize=9)
    figure.savefig(path, dpi=110)


def draw_coverage(by_set: Mapping[str, Sequence[Ranked]], path: Path) -> None:
    """Draw what is wrong in the cases that nobody looks at, by how many those are."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.6 * len(by_set), 3.2), layout="constrained")
    axes = figure.subplots(1, len(by_set), squeeze=False)[0]
    colours = ("#0072b2", "#d55e00", "#999999")
    for axis, (name, cases) in zip(axes, by_set.items(), strict=True):
        table = ranking_columns(cases)
        risk = table[:, -2]
        share = np.arange(1, len(risk) + 1) / len(risk)
        for place, (title, colour) in enumerate(zip(SCORES.values(), colours, strict=True)):
            kept = np.cumsum(risk[np.argsort(table[:, place], kind="stable")])
            axis.plot(share, kept / np.arange(1, len(risk) + 1), color=colour, label=title)
        axis.axhline(risk.mean(), color="#cccccc", label=NO_ORDER)
        best = np.cumsum(np.sort(risk)) / np.arange(1, len(risk) + 1)
        axis.plot(share, best, "k:", label="best possible")
        axis.set_title(name, fontsize=9)
        axis.set_xlabel("share of cases that nobody looks at", fontsize=8)
        axis.tick_params(labelsize=7)
    axes[0].set_ylabel("1 − Dice of the vote in those", fontsize=8)
    axes[0].legend(fontsize=7)
    figure.savefig(path, dpi=110)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean())


def _mean_words(values: Sequence[float]) -> str:
    known = np.array([value for value in values if np.isfinite(value)])
    return f"{known.mean():.3f}" if len(known) else "–"


def _interval_words(table: NDArray[np.float64], statistic: Statistic, n_draws: int) -> str:
    found = bootstrap_interval(table, statistic, n_draws)
    return "–" if found is None else f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    head, *rest = lines
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *rest])
