"""Actions on a traced case in review; the keys are those of masks where these have a like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.gui.actions import Action

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.gui.tracing.review_desk import TraceReviewDesk
    from annotator.gui.window import MainWindow

ROOM = "trace_review"
LETTERS = "ABCDEFGH"
N_REASONS = 8
TRACE_REVIEW_GROUPS = (
    ("trace_show.others", "trace_show.places", "trace_show.result"),
    ("place.previous", "place.next"),
    ("trace_show.outside", "view.layout", "trace_view.3d"),
)
"""What stands in the strip above the canvas."""


def _is_open(window: MainWindow) -> bool:
    return window.review.is_tracing


def _has_place(window: MainWindow) -> bool:
    desk = window.review.traces.desk
    return desk is not None and desk.current is not None


def _shows(window: MainWindow, layer: str) -> bool:
    desk = window.review.traces.desk
    return desk is not None and layer in desk.scene.layers


def _act(
    key: str,
    text: str,
    shortcut: tuple[str, ...],
    tooltip: str,
    run: Callable[[TraceReviewDesk], None],
    *,
    icon: str = "",
    menu: str = "Review",
    enabled: Callable[[MainWindow], bool] = _is_open,
    checked: Callable[[MainWindow], bool] | None = None,
) -> Action:
    return Action(
        key=key,
        text=text,
        tooltip=tooltip,
        shortcut=shortcut,
        rooms=(ROOM,),
        menu=menu,
        icon=icon,
        run=lambda window: window.review.traces.on_desk(run),
        enabled=enabled,
        checked=checked,
    )


def _layer(layer: str, text: str, key: str, tooltip: str, icon: str) -> Action:
    return _act(
        f"trace_show.{layer}",
        text,
        (key,),
        tooltip,
        lambda desk: desk.toggle(layer),
        icon=icon,
        checked=lambda window: _shows(window, layer),
    )


def _takes(window: MainWindow, letter: str) -> bool:
    desk = window.review.traces.desk
    return desk is not None and desk.has_letter(letter)


def _take(letter: str) -> Action:
    return _act(
        f"trace_verdict.{letter.lower()}",
        f"Take the branch of tracer {letter}",
        (letter,),
        f"Add the branch that tracer {letter} traced here: the one that is previewed, or the "
        "longest.",
        lambda desk: desk.take_letter(letter),
        menu="Review/Take a branch",
        enabled=lambda window: _takes(window, letter),
    )


def _reason(place: int) -> Action:
    return _act(
        f"trace_reason.{place + 1}",
        f"Reason {place + 1}",
        (f"Alt+{place + 1}",),
        f"Choose reason {place + 1} of the list for the next verdict.",
        lambda desk: desk.panel.verdict.choose_reason(place),
        menu="Review/Reason",
    )


def _slab(steps: int, text: str, key: str, tooltip: str) -> Action:
    return Action(
        key=f"trace_view.{'thicker' if steps > 0 else 'thinner'}",
        text=text,
        tooltip=tooltip,
        shortcut=(key,),
        rooms=(ROOM,),
        menu="View",
        run=lambda window: window.review.traces.step_slab(steps),
        enabled=_is_open,
    )


TRACE_REVIEW: tuple[Action, ...] = (
    _act(
        "place.next",
        "Next place",
        ("N", "J"),
        "Go to the next place that may be wrong.",
        lambda desk: desk.step_place(+1),
        icon="next",
    ),
    _act(
        "place.previous",
        "Previous place",
        ("P", "K"),
        "Go to the place before.",
        lambda desk: desk.step_place(-1),
        icon="previous",
    ),
    _act(
        "trace_verdict.keep",
        "Keep",
        ("M",),
        "It is right as it is.",
        lambda desk: desk.decide("keep"),
        icon="check",
        enabled=_has_place,
    ),
    _act(
        "trace_verdict.cut",
        "Cut here",
        ("X",),
        "From the node on it is not of this neuron, and is taken away.",
        lambda desk: desk.decide("cut"),
        icon="scissors",
        enabled=_has_place,
    ),
    _act(
        "trace_verdict.connect",
        "Connect elsewhere",
        ("R",),
        "The node, with all below it, belongs elsewhere: click where.",
        lambda desk: desk.begin_connect(),
        icon="joint",
        enabled=_has_place,
    ),
    *(_take(letter) for letter in LETTERS),
    _act(
        "trace_verdict.take",
        "Take the branch that is shown",
        ("T",),
        "Add the branch that is previewed, whoever traced it; shows the longest first.",
        lambda desk: desk.take_shown(),
        enabled=_has_place,
    ),
    _act(
        "offer.next",
        "Preview the next branch",
        (".",),
        "Show the next branch that another tracer has here.",
        lambda desk: desk.step_offer(+1),
        enabled=_has_place,
    ),
    _act(
        "offer.previous",
        "Preview the branch before",
        (",",),
        "Show the branch before of those that other tracers have here.",
        lambda desk: desk.step_offer(-1),
        enabled=_has_place,
    ),
    _act(
        "trace_verdict.uncertain",
        "Uncertain",
        ("Q",),
        "Leave it as it is, on the list of places to look at again.",
        lambda desk: desk.decide("uncertain"),
        icon="doubt",
        enabled=_has_place,
    ),
    _act(
        "trace_verdict.undo",
        "Undo the last verdict",
        ("U", "Ctrl+Z"),
        "Take the last verdict back and go to its place.",
        lambda desk: desk.undo(),
        icon="undo",
    ),
    _act(
        "trace_verdict.give_up",
        "Leave connecting",
        ("Esc",),
        "Connect nothing; the verdict is about the node of the finding again.",
        lambda desk: desk.give_up(),
    ),
    _act(
        "trace_review.sign_off",
        "Sign off",
        ("Ctrl+Return", "Ctrl+Enter"),
        "Make the adjudication final; what is still open is said in words.",
        lambda desk: desk.sign_off(),
        icon="sign",
    ),
    _layer("others", "Other tracings", "1", "Show or hide the others' tracings.", "contours"),
    _layer("places", "Places", "2", "Show or hide the rings around places.", "crosshair"),
    _layer(
        "result",
        "Result",
        "3",
        "Show the tracing as the verdicts make it: green is new, red is taken away.",
        "fused",
    ),
    _act(
        "trace_show.colors",
        "Colour by the next thing",
        ("4",),
        "Colour the reviewed tracing by tracer, branch order, type or findings.",
        lambda desk: desk.step_color(),
    ),
    Action(
        key="trace_show.outside",
        text="What lies outside the slab",
        tooltip="Paint faintly what lies outside the slab, or hide it.",
        shortcut=("5",),
        rooms=(ROOM,),
        menu="View",
        icon="trace-outside",
        run=lambda window: window.review.traces.switch_outside(),
        enabled=_is_open,
        checked=lambda window: window.review.traces.shows_outside,
    ),
    Action(
        key="trace_view.3d",
        text="3D view",
        tooltip="Show the trees in space beside the slabs.",
        shortcut=("O",),
        rooms=(ROOM,),
        menu="View",
        icon="view-3d",
        run=lambda window: window.review.traces.show_3d(not window.review.traces.is_3d),
        enabled=_is_open,
        checked=lambda window: window.review.traces.is_3d,
    ),
    _slab(+1, "Thicker slab", "]", "Show more of the depth at once."),
    _slab(-1, "Thinner slab", "[", "Show less of the depth at once."),
    *(_reason(place) for place in range(N_REASONS)),
)
