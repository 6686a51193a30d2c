"""Actions of the reviewer's room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.gui.actions import Action

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.gui.window import MainWindow

LETTERS = "ABCDEFGH"


def _in_review(window: MainWindow) -> bool:
    return window.review.case is not None


def _region_open(window: MainWindow) -> bool:
    desk = window.review.desk
    return desk is not None and desk.current is not None


def _has_letter(window: MainWindow, letter: str) -> bool:
    desk = window.review.desk
    return desk is not None and desk.has_letter(letter)


def _accept(letter: str) -> Action:
    return Action(
        key=f"verdict.{letter.lower()}",
        text=f"Accept rater {letter}",
        tooltip=f"In this region the reading of rater {letter} holds.",
        shortcut=(letter,),
        rooms=("review",),
        menu="Review/Accept rater",
        run=lambda window: window.review.on_desk(lambda desk: desk.accept_letter(letter)),
        enabled=lambda window: _region_open(window) and _has_letter(window, letter),
    )


def _review(
    key: str,
    text: str,
    shortcut: tuple[str, ...],
    tooltip: str,
    run: Callable[[MainWindow], None],
    *,
    icon: str = "",
    enabled: Callable[[MainWindow], bool] = _in_review,
    checked: Callable[[MainWindow], bool] | None = None,
) -> Action:
    return Action(
        key=key,
        text=text,
        tooltip=tooltip,
        shortcut=shortcut,
        rooms=("review",),
        menu="Review",
        icon=icon,
        run=run,
        enabled=enabled,
        checked=checked,
    )


def _reason(place: int) -> Action:
    return Action(
        key=f"reason.{place + 1}",
        text=f"Reason {place + 1}",
        tooltip=f"Choose reason {place + 1} of the list for the next verdict.",
        shortcut=(f"Alt+{place + 1}",),
        rooms=("review",),
        menu="Review/Reason",
        run=lambda window: window.review.on_desk(lambda desk: desk.choose_reason(place)),
        enabled=_in_review,
    )


REVIEW: tuple[Action, ...] = (
    _review(
        "region.next",
        "Next region",
        ("N", "J"),
        "Go to the next disputed region.",
        lambda window: window.review.on_desk(lambda desk: desk.step_region(+1)),
        icon="next",
    ),
    _review(
        "region.previous",
        "Previous region",
        ("P", "K"),
        "Go to the region before.",
        lambda window: window.review.on_desk(lambda desk: desk.step_region(-1)),
        icon="previous",
    ),
    *(_accept(letter) for letter in LETTERS),
    _review(
        "verdict.fusion",
        "Accept the fused label",
        ("M",),
        "In this region the fused (merged) label holds.",
        lambda window: window.review.on_desk(lambda desk: desk.decide("fusion")),
        icon="fused",
        enabled=_region_open,
    ),
    _review(
        "verdict.none",
        "Accept none",
        ("X",),
        "In this region nothing is drawn.",
        lambda window: window.review.on_desk(lambda desk: desk.decide("none")),
        icon="none",
        enabled=_region_open,
    ),
    _review(
        "verdict.redraw",
        "Redraw",
        ("R",),
        "Draw this region yourself.",
        lambda window: window.review.on_desk(lambda desk: desk.begin_redraw()),
        icon="redraw",
        enabled=_region_open,
    ),
    _review(
        "verdict.undo",
        "Undo the last verdict",
        ("U", "Ctrl+Z"),
        "Take the last verdict back and go to its region.",
        lambda window: window.review.on_desk(lambda desk: desk.undo()),
        icon="undo",
    ),
    _review(
        "review.sign_off",
        "Sign off",
        ("Ctrl+Return", "Ctrl+Enter"),
        "Make the adjudication final; what is still open is said in words.",
        lambda window: window.review.on_desk(lambda desk: desk.sign_off()),
        icon="sign",
    ),
    _review(
        "review.next_case",
        "Next hard case",
        ("Shift+N",),
        "Open the next case of the queue that is not signed off.",
        lambda window: window.review.next_case(),
        enabled=lambda window: True,
    ),
    _review(
        "show.contours",
        "Contours",
        ("1",),
        "Show or hide the raters' contours.",
        lambda window: window.review.on_desk(lambda desk: desk.toggle("contours")),
        icon="contours",
        checked=lambda window: "contours" in window.review.masks.shown,
    ),
    _review(
        "show.heat",
        "Disagreement heat map",
        ("2",),
        "Show where raters disagree, as heat.",
        lambda window: window.review.on_desk(lambda desk: desk.toggle("heat")),
        icon="heat",
        checked=lambda window: "heat" in window.review.masks.shown,
    ),
    _review(
        "show.fused",
        "Fused label",
        ("3",),
        "Show or hide the fused label.",
        lambda window: window.review.on_desk(lambda desk: desk.toggle("fused")),
        icon="fused",
        checked=lambda window: "fused" in window.review.masks.shown,
    ),
    _review(
        "show.probability",
        "Probability",
        ("4",),
        "Show how probable the label of the current region is, as heat.",
        lambda window: window.review.on_desk(lambda desk: desk.toggle("probability")),
        icon="probability",
        checked=lambda window: "probability" in window.review.masks.shown,
    ),
    _review(
        "show.belief",
        "Belief in each rater",
        ("5",),
        "Show how far the fusion believes the first rater where raters differ, then the next; "
        "after the last, nothing.",
        lambda window: window.review.on_desk(lambda desk: desk.step_belief()),
        icon="belief",
        checked=lambda window: "belief" in window.review.masks.shown,
    ),
    _review(
        "show.doubt",
        "Where a model was unsure",
        ("6",),
        "Show where the first model that read this case was unsure, then the next; after the last, "
        "nothing.",
        lambda window: window.review.masks.step_doubt(),
        icon="doubt",
        checked=lambda window: "doubt" in window.review.masks.shown,
    ),
    _review(
        "show.model",
        "What the trained model draws",
        ("T",),
        "Show or hide what the model of the third tab draws, as outline T.",
        lambda window: window.review.masks.toggle_model(),
    ),
    _review(
        "difference.next",
        "Next difference from the vote",
        (".",),
        "Go to the next place where the fused label is not what most raters drew.",
        lambda window: window.review.masks.step_difference(+1),
    ),
    _review(
        "difference.previous",
        "Previous difference from the vote",
        (",",),
        "Go to the place before where the fused label is not what most raters drew.",
        lambda window: window.review.masks.step_difference(-1),
    ),
    _review(
        "review.methods",
        "Compare fusion methods",
        ("Shift+M",),
        "See what every fusion method makes of this case, side by side, and choose one.",
        lambda window: window.review.masks.compare_methods(),
    ),
    _review(
        "review.models",
        "Compare models on this case",
        ("Shift+T",),
        "See what every model drew on this case, held against what is signed off or fused.",
        lambda window: window.errands.models.compare(),
    ),
    *(_reason(place) for place in range(6)),
    Action(
        key="redraw.done",
        text="Done redrawing",
        tooltip="Let your drawing hold in this region and go on.",
        shortcut=("Ctrl+Return", "Ctrl+Enter"),
        rooms=("redraw",),
        menu="Review",
        icon="check",
        run=lambda window: window.review.on_desk(lambda desk: desk.end_redraw(keep=True)),
    ),
    Action(
        key="redraw.leave",
        text="Leave without a verdict",
        tooltip="Go back to the region without deciding; your strokes stay in the draft.",
        shortcut=("Shift+Esc",),
        rooms=("redraw",),
        menu="Review",
        icon="cross",
        run=lambda window: window.review.on_desk(lambda desk: desk.end_redraw(keep=False)),
    ),
)
