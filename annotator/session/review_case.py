"""A case on the reviewer's screen: readings, fusion, disputes, verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.disagreement import is_disputed
from annotator.analysis.group_votes import normalised_entropy_of, replace_group
from annotator.analysis.label_tables import group_table
from annotator.analysis.runs import decode, encode, mask_dtype
from annotator.analysis.votes import profile, to_dense
from annotator.api import FusionMethod
from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.domain.review import Verdict
from annotator.jobs.finding import find_readings
from annotator.jobs.fusing import fuse_readings
from annotator.jobs.fusion_facts import believed
from annotator.jobs.learning import count_newer
from annotator.jobs.readings import Readings
from annotator.session.access import DraftAccess
from annotator.session.composing import box_slices, compose_groups, first_of
from annotator.session.diagnosis import require_diagnosis
from annotator.session.draft import DraftSession
from annotator.session.review_marks import ReviewMarks, review_marks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from annotator.domain.reading import Annotation, Diagnosis, Rater
    from annotator.domain.review import Adjudication, CaseScore, Choice, Finding, Fusion
    from annotator.domain.study import Case, Series
    from annotator.registry import Registry
    from annotator.store import Store

REASONS: tuple[tuple[str, str], ...] = (
    ("boundary-unclear", "The boundary is unclear in the image"),
    ("missed", "Overlooked by some"),
    ("over-drawn", "Drawn too large"),
    ("under-drawn", "Drawn too small"),
    ("artefact", "Artefact, not anatomy"),
    ("wrong-label", "Right place, wrong label"),
    ("other", "Other (see comment)"),
)
"""Why a verdict was given, as (code, title)."""

FALLBACK = "staple"
"""What a case is fused by where the wanted method has not fused it yet and takes long."""

COLORS = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
    "#999999",
)
"""Okabe and Ito's palette, told apart with every kind of colour vision; grey stands for black."""
DASHES = (
    "solid",
    "dash",
    "dot",
    "dashdot",
    "dashdotdot",
    "longdash",
    "shortdash",
    "longdashdot",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One reading and how it is told apart: letter, colour ``#rrggbb`` and line pattern."""

    letter: str
    rater_id: str
    name: str
    color: str
    dash: str
    annotation: Annotation


class ReviewCase:
    """All readings of one case, with what was fused and found in them.

    Belongs to one thread, the window's; opening it may be done on a worker thread.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        reviewer: Rater,
        case_id: str,
        *,
        method: str,
        include_models: bool,
    ) -> None:
        self._store = store
        self._registry = registry
        self._reviewer = reviewer
        self._include_models = include_models
        self._readings = Readings.load(store, case_id, include_models=include_models)
        actor = reviewer.rater_id
        self.case: Case = self._readings.case
        self.series: Series = self._readings.series
        self.schema = self._readings.schema
        if self.series.slide is not None:
            raise AnnotatorError(
                f"{self.case.title} is a slide: its readings are compared, fused and exported, but "
                "not reviewed region by region"
            )
        self.voxels: NDArray[Any] = store.voxels(self.series.series_id)
        self.fusion: Fusion = self._first_fusion(method)
        self.score: CaseScore
        self.findings: tuple[Finding, ...]
        self.score, self.findings, self._regions = find_readings(store, self._readings, actor=actor)
        self.readings: tuple[Reading, ...] = tell_apart(self._readings)
        self._dtype = mask_dtype(max(*self._readings.values.known, *self._readings.labels))
        self._redraw: DraftSession | None = None

    @property
    def findings_key(self) -> str:
        """The key of the readings under which verdicts are kept."""
        return self._readings.findings_key

    @cached_property
    def fused(self) -> NDArray[np.unsignedinteger]:
        """The fused labels, ``(z, y, x)``."""
        return decode(self._store.fusion_labels(self.fusion.fusion_id), self._dtype)

    @cached_property
    def entropy(self) -> NDArray[np.float32]:
        """How much the readings disagree on each voxel, ``(z, y, x)`` from 0 to 1.

        Where labels of several groups may share voxels, about whichever is disputed most.
        """
        votes = self._readings.votes
        return to_dense(votes, normalised_entropy_of(votes, self._readings.values), np.float32)

    @cached_property
    def region_map(self) -> NDArray[np.uint16]:
        """The number of the disputed region that each voxel lies in, ``(z, y, x)``, or 0.

        Where regions of several label groups share a voxel, the worst: the first.
        """
        return first_of(list(self._region_maps.values()))

    @cached_property
    def _region_maps(self) -> dict[str, NDArray[np.uint16]]:
        """The regions of the labels of each group, ``(z, y, x)``."""
        return {
            group: decode(regions, np.dtype(np.uint16)).astype(np.uint16, copy=False)
            for group, regions in self._regions.items()
        }

    def inside(self, finding: Finding) -> NDArray[np.bool_]:
        """Return which voxels of a region's box are the region's."""
        group = self._readings.values.group_of(finding.label)
        inside: NDArray[np.bool_] = (
            self._region_maps[group][box_slices(finding.box)] == finding.region
        )
        return inside

    def own_of(
        self, finding: Finding, mask: NDArray[np.unsignedinteger]
    ) -> NDArray[np.unsignedinteger]:
        """Return what mask values hold of the label group of a region, same shape."""
        values = self._readings.values
        if not values.may_overlap:
            return mask
        return np.asarray(group_table(values, values.group_of(finding.label))[mask])

    def put(
        self,
        finding: Finding,
        chosen: NDArray[np.unsignedinteger],
        onto: NDArray[np.unsignedinteger],
        *,
        clears: bool = False,
    ) -> None:
        """Write into the mask of a region's box what was chosen there; of its label group only.

        ``clears`` turns the label of the region to background. Other groups' labels stay.
        """
        values, label = self._readings.values, finding.label
        chosen = self.own_of(finding, chosen)
        if clears:
            chosen = np.where(chosen == label, chosen.dtype.type(0), chosen)
        if values.may_overlap:
            chosen = replace_group(onto, chosen, values, values.group_of(label))
        np.copyto(onto, chosen, where=self.inside(finding))

    def probability(self, label: int) -> NDArray[np.float32]:
        """Return the fused probability of a label, ``(z, y, x)`` from 0 to 1."""
        if self.schema.label(label) is None and label != 0:
            raise UnknownNameError(
                "label", str(label), [str(value) for value in self.schema.values]
            )
        votes = self._readings.votes
        known = self._readings.drawn_labels
        if label not in known:
            return np.zeros(votes.grid.shape, np.float32)
        rows, table = self._fused_rows
        column = table[:, known.index(label)].astype(np.float32)
        return np.asarray(column[rows])

    def belief(self, rater_id: str) -> NDArray[np.float32]:
        """Return how far a rater is believed where raters differ, ``(z, y, x)`` from 0 to 1."""
        return believed(self._store, self._readings, self.fusion, rater_id)

    @cached_property
    def _fused_rows(self) -> tuple[NDArray[np.unsignedinteger], NDArray[np.float64]]:
        rows, table = self._store.fusion_probability(self.fusion.fusion_id)
        return decode(rows), table

    def _first_fusion(self, method: str) -> Fusion:
        """Return what to begin with: never anything that would have to be learned first."""
        if isinstance(self._registry.fusion_method(method), FusionMethod):
            return self.fuse(method)
        known = self.fused_before(method)
        usable = known is not None and not known.training_target_only
        return known if known and usable else self.fuse(FALLBACK)

    def fuse(self, method: str) -> Fusion:
        """Return what a method makes of these readings; `use` makes it the one that counts."""
        return fuse_readings(
            self._store, self._registry, self._readings, method, actor=self._reviewer.rater_id
        )

    def fused_before(self, method: str) -> Fusion | None:
        """Return what an installed method has last made of exactly these readings, or None."""
        version = self._registry.fusion_method(method).version
        found = [
            fusion
            for fusion in self._store.fusions(self.case.case_id)
            if (fusion.recipe.method, fusion.recipe.method_version) == (method, version)
            and fusion.recipe.inputs == self._readings.annotation_ids
        ]
        return found[-1] if found else None

    def n_newer(self, fusion: Fusion) -> int:
        """Return how many readings came in since the method of a fusion learned; 0 if it did not.

        Readings of other cases: a fusion of other readings of this one is never offered.
        """
        fit_id = fusion.recipe.fit_id
        if fit_id is None:
            return 0
        return count_newer(self._store, self._registry, self._store.fit(fit_id))

    def use(self, fusion: Fusion) -> None:
        """Go by another fusion of the same readings from now on; verdicts given stay as they are.

        Raises AnnotatorError for one that is not of these readings, or is for training only.
        """
        if fusion.training_target_only:
            raise AnnotatorError(
                "this fusion knows the diagnosis that it would be judged by: it is for training a "
                "model and cannot be signed off"
            )
        if fusion.recipe.inputs != self._readings.annotation_ids:
            raise AnnotatorError(
                "this fusion is not of the readings on the screen; open the case again"
            )
        self.fusion = fusion
        for cached in ("fused", "_fused_rows"):
            self.__dict__.pop(cached, None)

    def reading_mask(self, rater_id: str) -> NDArray[np.unsignedinteger]:
        """Return a rater's mask, ``(z, y, x)``; decoded anew at each call."""
        return decode(self._readings.mask_of(rater_id), self._dtype)

    @cached_property
    def marks(self) -> ReviewMarks:
        """What each rater marked, and where they agree that it is; signing off keeps masks only."""
        return review_marks(self._store, self._readings)

    def profile(self, axis: int) -> NDArray[np.int64]:
        """Return how many voxels of each slice along an axis of ``(z, y, x)`` are disputed."""
        votes = self._readings.votes
        return profile(votes, is_disputed(votes), axis)

    def diagnoses(self) -> tuple[tuple[str, Diagnosis], ...]:
        """Return what each reading says of the whole case, by letter."""
        return tuple((entry.letter, entry.annotation.diagnosis) for entry in self.readings)

    @property
    def verdicts(self) -> dict[int, Verdict]:
        """The verdicts that hold, by region."""
        held = self._store.verdicts(self.case.case_id, self.findings_key)
        return {verdict.region: verdict for verdict in held}

    @property
    def adjudication(self) -> Adjudication | None:
        """The case's last sign-off, whatever readings it was made of."""
        return self._store.adjudication(self.case.case_id)

    def open_regions(self) -> tuple[int, ...]:
        """Return the regions without a verdict, worst first."""
        decided = self.verdicts
        return tuple(entry.region for entry in self.findings if entry.region not in decided)

    def decide(
        self,
        region: int,
        choice: Choice,
        *,
        rater_id: str | None = None,
        reason: str,
        comment: str = "",
    ) -> None:
        """Say what holds in a region; a second verdict on it replaces the first."""
        if region not in {entry.region for entry in self.findings}:
            regions = [str(entry.region) for entry in self.findings]
            raise UnknownNameError("disputed region", str(region), regions)
        if reason not in dict(REASONS):
            raise UnknownNameError("reason", reason, [code for code, _ in REASONS])
        if choice == "rater":
            self._readings.mask_of(rater_id or "")
        self._require_current()
        verdict = Verdict(
            case_id=self.case.case_id,
            region=region,
            reviewer_id=self._reviewer.rater_id,
            choice=choice,
            rater_id=rater_id if choice == "rater" else None,
            reason=reason,
            comment=comment,
            fusion_id=self.fusion.fusion_id if choice in ("fusion", "none") else None,
        )
        self._store.add_verdict(verdict, self.findings_key, actor=self._reviewer.rater_id)

    def undo(self) -> int | None:
        """Take the reviewer's own last verdict back; return its region, or None."""
        reviewer_id = self._reviewer.rater_id
        taken = self._store.undo_verdict(
            self.case.case_id, self.findings_key, reviewer_id=reviewer_id, actor=reviewer_id
        )
        return None if taken is None else taken.region

    @property
    def redraw(self) -> DraftSession:
        """The reviewer's own drawing on this case; opened when it is first asked for."""
        if self._redraw is None:
            reviewer_id = self._reviewer.rater_id
            draft = self._store.open_draft(
                self.case.case_id, reviewer_id, purpose="redraw", actor=reviewer_id
            )
            access = DraftAccess(self._store, draft, reviewer_id)
            self._redraw = DraftSession(access, self._dtype)
        return self._redraw

    def redrawn(self, reviewer_id: str) -> NDArray[np.unsignedinteger]:
        """Return what a reviewer has drawn on this case, ``(z, y, x)``; own live, if open."""
        own_id = self._reviewer.rater_id
        if reviewer_id == own_id and self._redraw is not None:
            return self._redraw.mask
        draft = self._store.open_draft(
            self.case.case_id, reviewer_id, purpose="redraw", actor=own_id
        )
        return decode(self._store.draft_mask(draft.draft_id), self._dtype)

    def fused_by(self, fusion_id: str) -> NDArray[np.unsignedinteger]:
        """Return the labels of any fusion of these readings, ``(z, y, x)``."""
        if fusion_id == self.fusion.fusion_id:
            return self.fused
        return decode(self._store.fusion_labels(fusion_id), self._dtype)

    def composed(
        self, verdicts: Mapping[int, Verdict] | None = None
    ) -> tuple[NDArray[np.unsignedinteger], NDArray[np.uint16]]:
        """Return the mask that verdicts make, and the region that decided each voxel.

        Both are ``(z, y, x)``; see `compose` for what each verdict does, and `compose_groups` where
        labels may share voxels. Without ``verdicts``, by region, those count that hold now.
        """
        return compose_groups(
            self._readings,
            self.fused,
            self._region_maps,
            self.findings,
            self.verdicts if verdicts is None else verdicts,
            self.redrawn,
            self.fused_by,
        )

    def sign_off(self, diagnosis: Diagnosis) -> Adjudication:
        """Make the composed mask and a diagnosis final; or raise AnnotatorError."""
        still_open = self.open_regions()
        if still_open:
            listed = ", ".join(str(region) for region in still_open[:10])
            raise AnnotatorError(
                f"{len(still_open)} of {len(self.findings)} regions have no verdict yet: {listed}"
                + (" …" if len(still_open) > 10 else "")
            )
        require_diagnosis(self.schema, diagnosis)
        self._require_current()
        if self._redraw is not None:
            self._redraw.flush()
        verdicts = self.verdicts
        mask, origin = self.composed(verdicts)
        return self._store.sign_off(
            self.case.case_id,
            reviewer_id=self._reviewer.rater_id,
            fusion_id=self.fusion.fusion_id,
            findings_key=self.findings_key,
            verdicts=[verdicts[region] for region in sorted(verdicts)],
            diagnosis=diagnosis,
            mask=encode(mask),
            origin=encode(origin),
            actor=self._reviewer.rater_id,
        )

    def close(self) -> None:
        """Write what is left of the redrawing and let the case go."""
        if self._redraw is not None:
            self._redraw.close()
            self._redraw = None

    def _require_current(self) -> None:
        now = Readings.load(self._store, self.case.case_id, include_models=self._include_models)
        if now.findings_key != self.findings_key:
            n_new = len(set(now.annotation_ids) - set(self._readings.annotation_ids))
            raise AnnotatorError(
                f"{n_new} readings of {self.case.title!r} came in since it was opened; "
                "open the case again and review it with them"
            )


def tell_apart(readings: Readings) -> tuple[Reading, ...]:
    """Give each reading its letter, colour and line pattern, people first, as they joined."""
    order = list(readings.raters)
    own = sorted(
        readings.annotations,
        key=lambda entry: (readings.raters[entry.rater_id].is_model, order.index(entry.rater_id)),
    )
    return tuple(
        Reading(
            letter=_letter(place),
            rater_id=entry.rater_id,
            name=readings.raters[entry.rater_id].name,
            color=COLORS[place % len(COLORS)],
            dash=DASHES[(place + place // len(COLORS)) % len(DASHES)],
            annotation=entry,
        )
        for place, entry in enumerate(own)
    )


def _letter(place: int) -> str:
    """Return A to Z, then AA, AB and so on."""
    high, low = divmod(place, 26)
    return (_letter(high - 1) if high else "") + chr(ord("A") + low)
