"""How good readings are kept good: rules of a project, gold cases, cases read twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from annotator.domain.reading import Box, Diagnosis


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapRule:
    """When a case is given to one more rater.

    Attributes
    ----------
    first_raters : int
        Raters who read every case; 2 or more, as one reading disagrees with nothing.
    at_most : int
        Raters who read a case in the end.
    dice_below : float
        One more where the mean Dice of all pairs lies below; 0 where it does not matter.
    boundary_above_mm : float or None
        One more where the outlines of any structure lie farther from the majority's, mean in mm.
    on_presence : bool
        One more where some drew an object and others did not.
    on_diagnosis : bool
        One more where a choice of the diagnosis form was answered differently.
    difficulty_above : float or None
        One more from the start where a model foretells a greater difficulty, 0 to 1.
    in_regions : bool
        The further rater is asked for the disputed regions only, not for the whole case.
    """

    key: ClassVar[str] = "overlap"

    first_raters: int = 2
    at_most: int = 4
    dice_below: float = 0.8
    boundary_above_mm: float | None = None
    on_presence: bool = True
    on_diagnosis: bool = True
    difficulty_above: float | None = None
    in_regions: bool = False

    def __post_init__(self) -> None:
        """Refuse what no project can follow."""
        if self.first_raters < 2:
            raise AnnotatorError(
                f"every case needs 2 raters or more to disagree; got {self.first_raters}"
            )
        if self.at_most < self.first_raters:
            raise AnnotatorError(
                f"at most {self.at_most} raters are fewer than the first {self.first_raters}"
            )
        if not 0.0 <= self.dice_below <= 1.0:
            raise AnnotatorError(f"Dice runs from 0 to 1; got {self.dice_below:g}")
        if self.boundary_above_mm is not None and self.boundary_above_mm < 0:
            raise AnnotatorError(f"a distance is 0 mm or more; got {self.boundary_above_mm:g}")
        if self.difficulty_above is not None and not 0.0 <= self.difficulty_above <= 1.0:
            raise AnnotatorError(f"a difficulty runs from 0 to 1; got {self.difficulty_above:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackRule:
    """Whether raters are told where they tend to draw too much or too little."""

    key: ClassVar[str] = "feedback"

    is_on: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutModelRule:
    """What share of their cases raters read without a model, 0 to 1."""

    key: ClassVar[str] = "without model"

    share: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        if not 0.0 <= self.share <= 1.0:
            raise AnnotatorError(
                f"the share of cases without a model runs from 0 to 1; got {self.share:g}"
            )


Rule = OverlapRule | FeedbackRule | WithoutModelRule


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldCase:
    """A case whose truth is known: raters read it like any other, and are judged by it.

    ``source`` says in words where the truth comes from.
    """

    case_id: str
    diagnosis: Diagnosis
    source: str
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatCase:
    """A case that one rater reads for the second time, under a title that does not tell."""

    case_id: str
    original_id: str
    rater_id: str
    created_at: str


def neutral_title(case_id: str) -> str:
    """Return a title that tells nothing of a case but which one it is."""
    return f"Case {case_id[:6].upper()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """A rater who was asked for some boxes of a case only; half-open voxel boxes."""

    case_id: str
    rater_id: str
    regions: tuple[Box, ...]
