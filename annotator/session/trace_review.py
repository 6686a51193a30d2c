"""A tracing on the reviewer's screen: what was found in it, verdicts, what they make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.domain.trace_review import TraceVerdict
from annotator.jobs.trace_adjudicating import adjudicate, open_ends
from annotator.jobs.trace_finding import find_traces
from annotator.jobs.trace_readings import TraceReadings
from annotator.session.diagnosis import require_diagnosis
from annotator.session.review_case import COLORS

if TYPE_CHECKING:
    from annotator.analysis.tracing.tree import Tree
    from annotator.api import Progress
    from annotator.api.tracing import TracedImage
    from annotator.domain.reading import Annotation, Diagnosis, Rater
    from annotator.domain.trace_review import FoundTraces, TraceItem, TraceSignOff
    from annotator.domain.tracing import TraceChoice
    from annotator.registry import Registry
    from annotator.store import Store

TRACE_REASONS: tuple[tuple[str, str], ...] = (
    ("right", "It is right as it is"),
    ("not-this-neuron", "Belongs to another neuron, or to none"),
    ("wrong-turn", "Right up to here, then the wrong way"),
    ("missed", "Overlooked: it goes on"),
    ("wrongly-joined", "Joined to the wrong branch"),
    ("artefact", "An artefact of the image or the file"),
    ("unclear", "Cannot be told from the image"),
    ("other", "Other (see comment)"),
)
"""Why a verdict was given, as (code, title)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TracerReading:
    """One tracing and how it is told apart: letter, colour ``#rrggbb``."""

    letter: str
    rater_id: str
    name: str
    color: str
    is_base: bool
    annotation: Annotation
    tree: Tree

    @property
    def dash(self) -> str:
        """Trees are drawn in whole lines."""
        return "solid"


class TraceReview:
    """One tracing of a case, the base, with all others beside it and what was found.

    Belongs to one thread, the window's; opening it may be done on a worker thread.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        reviewer: Rater,
        case_id: str,
        base: str | None,
        progress: Progress,
    ) -> None:
        self._store = store
        self._reviewer = reviewer
        self._readings = TraceReadings.load(store, case_id, base)
        self.case = self._readings.case
        self.series = self._readings.series
        self.schema = store.project().schema
        self.found: FoundTraces = find_traces(
            store, registry, self._readings, progress, actor=reviewer.rater_id
        )
        self.readings: tuple[TracerReading, ...] = self._tell_apart()

    @property
    def image(self) -> TracedImage:
        """The volume that was traced, ``(z, y, x)``."""
        return self._readings.image

    @property
    def tree(self) -> Tree:
        """The tree that is reviewed, in the image frame."""
        return self._readings.tree

    @property
    def base(self) -> Annotation:
        """The tracing that is reviewed."""
        return self._readings.base

    @property
    def findings_key(self) -> str:
        """The key under which verdicts are kept."""
        return self.found.findings_key

    @property
    def items(self) -> tuple[TraceItem, ...]:
        """What was found, most at stake first."""
        return self.found.items

    @property
    def verdicts(self) -> dict[int, TraceVerdict]:
        """The verdicts that hold, by number of the finding."""
        held = self._store.trace_verdicts(self.case.case_id, self.findings_key)
        return {verdict.region: verdict for verdict in held}

    @property
    def sign_off_now(self) -> TraceSignOff | None:
        """The case's last sign-off, whatever readings it was made of."""
        return self._store.trace_sign_off(self.case.case_id)

    def item(self, region: int) -> TraceItem:
        """Return one finding by its number."""
        for item in self.items:
            if item.region == region:
                return item
        raise UnknownNameError(
            "finding", str(region), [str(item.region) for item in self.items[:20]]
        )

    def reading_of(self, rater: str) -> TracerReading:
        """Return the tracing of a rater, by id or name."""
        for reading in self.readings:
            if rater in (reading.rater_id, reading.name):
                return reading
        raise UnknownNameError("tracing by", rater, [reading.name for reading in self.readings])

    def undecided(self) -> tuple[int, ...]:
        """Return the findings without a verdict, most at stake first."""
        decided = self.verdicts
        return tuple(item.region for item in self.items if item.region not in decided)

    def next_item(self, after: int | None = None) -> int | None:
        """Return the next finding without a verdict, after the given one and round the end."""
        left = self.undecided()
        return next((region for region in left if region > (after or 0)), left[0] if left else None)

    def decide(
        self,
        region: int,
        choice: TraceChoice,
        *,
        reason: str,
        comment: str = "",
        node_id: int | None = None,
        to_id: int | None = None,
        annotation_id: str | None = None,
        taken: tuple[int, ...] | None = None,
    ) -> None:
        """Say what holds at a finding; a second verdict on it replaces the first.

        ``node_id`` is where to cut, or what to connect: the finding's own node where None.
        ``to_id`` is the node to connect to. ``annotation_id`` says whose branch to take, of those
        that the finding offers, ``taken`` which of that tracer's, by its nodes; the longest where
        None. Raises AnnotatorError, with the reason, where it cannot be done together with the
        verdicts that hold.
        """
        item = self.item(region)
        if reason not in dict(TRACE_REASONS):
            raise UnknownNameError("reason", reason, [code for code, _ in TRACE_REASONS])
        self._require_current()
        branch: tuple[int, ...] = ()
        if choice == "take":
            offers = [
                offer
                for offer in item.offers
                if annotation_id in (None, offer.annotation_id) and taken in (None, offer.node_ids)
            ]
            if not offers:
                raise AnnotatorError(f"finding {region} has no branch of that tracer to take")
            offer = max(offers, key=lambda one: one.length_um)
            annotation_id, branch = offer.annotation_id, offer.node_ids
            to_id = offer.to_id if to_id is None else to_id
        verdict = TraceVerdict(
            case_id=self.case.case_id,
            region=region,
            reviewer_id=self._reviewer.rater_id,
            choice=choice,
            reason=reason,
            comment=comment,
            node_id=item.node_id if node_id is None else node_id,
            to_id=to_id if choice in ("connect", "take") else None,
            annotation_id=annotation_id if choice == "take" else None,
            taken=branch,
        )
        self.adjudicated({**self.verdicts, region: verdict})
        self._store.add_trace_verdict(verdict, self.findings_key, actor=self._reviewer.rater_id)

    def undo(self) -> int | None:
        """Take the reviewer's own last verdict back; return its finding, or None."""
        reviewer_id = self._reviewer.rater_id
        taken = self._store.undo_trace_verdict(
            self.case.case_id, self.findings_key, reviewer_id=reviewer_id, actor=reviewer_id
        )
        return None if taken is None else taken.region

    def adjudicated(self, verdicts: dict[int, TraceVerdict] | None = None) -> Tree:
        """Return the tree that verdicts make of the base: those that hold now, if none are given.

        Raises AnnotatorError where they cannot be done together.
        """
        held = self.verdicts if verdicts is None else verdicts
        return adjudicate(self.tree, list(held.values()), self._readings.trees)

    def stop_list(self) -> tuple[TraceVerdict, ...]:
        """Return the findings that were left uncertain, open ends first: to be looked at again."""
        return open_ends(self.tree, [held for _, held in sorted(self.verdicts.items())])

    def sign_off(self, diagnosis: Diagnosis) -> TraceSignOff:
        """Make the adjudicated tree and a diagnosis final; or raise AnnotatorError."""
        left = self.undecided()
        if left:
            listed = ", ".join(str(region) for region in left[:10])
            raise AnnotatorError(
                f"{len(left)} of {len(self.items)} findings have no verdict yet: {listed}"
                + (" …" if len(left) > 10 else "")
            )
        require_diagnosis(self.schema, diagnosis)
        self._require_current()
        verdicts = self.verdicts
        return self._store.sign_off_tracing(
            self.found,
            reviewer_id=self._reviewer.rater_id,
            verdicts=[verdicts[region] for region in sorted(verdicts)],
            diagnosis=diagnosis,
            tree=self.adjudicated(verdicts),
            actor=self._reviewer.rater_id,
        )

    def _require_current(self) -> None:
        base = self.base.rater_id
        now = TraceReadings.load(self._store, self.case.case_id, base)
        if now.findings_key != self._readings.findings_key:
            raise AnnotatorError(
                f"tracings of {self.case.title!r} came in since it was opened; open the case "
                "again and review it with them"
            )

    def _tell_apart(self) -> tuple[TracerReading, ...]:
        readings = self._readings
        order = list(readings.raters)
        own = sorted(
            readings.annotations,
            key=lambda one: (readings.raters[one.rater_id].is_model, order.index(one.rater_id)),
        )
        return tuple(
            TracerReading(
                letter=chr(ord("A") + place) if place < 26 else str(place + 1),
                rater_id=entry.rater_id,
                name=readings.raters[entry.rater_id].name,
                color=COLORS[place % len(COLORS)],
                is_base=entry == readings.base,
                annotation=entry,
                tree=readings.trees[entry.annotation_id],
            )
            for place, entry in enumerate(own)
        )
