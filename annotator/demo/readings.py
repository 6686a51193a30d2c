"""Who reads the sample project: two readings that are real, three raters that are simulated.

`resources/sample/SOURCES.md` tells a person the same in words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from annotator.analysis.simulate import SimulatedRater, simulate_reading
from annotator.domain.reading import Diagnosis

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

CT_SMALL, CT_LARGE, FUNDUS = "chest-ct-1", "chest-ct-2", "fundus"

SOURCES: Mapping[str, tuple[str, str]] = {
    CT_SMALL: ("chest-ct-1", "readings/chest-ct-1.nrrd"),
    CT_LARGE: ("chest-ct-2", "readings/chest-ct-2.nrrd"),
    FUNDUS: ("fundus.jpg", "readings/fundus.png"),
}
"""Image and first reading of each case, as paths in ``resources/sample``."""

CT_AUTHOR = "Data set's own contour"
FUNDUS_AUTHOR = "Drawn by hand, no expert"
GUEST = "Guest rater"
REVIEWER = "Guest reviewer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One reading of one case: mask ``(z, y, x)`` on the grid of the series, and its diagnosis."""

    rater_name: str
    mask: NDArray[np.unsignedinteger]
    diagnosis: Diagnosis


@dataclass(frozen=True, slots=True, kw_only=True)
class _Simulated:
    """A rater who does not exist: how they draw, per case where it differs, and what they say."""

    name: str
    how: str
    draws: SimulatedRater
    draws_on: Mapping[str, SimulatedRater] = field(default_factory=dict)
    says: Mapping[str, str] = field(default_factory=dict)
    confidence: float = 0.7


_OVERLOOKS = SimulatedRater(miss_rate=1.0)
_PEOPLE = (
    _Simulated(
        name="Dr Ada (simulated: draws large)",
        how="outline moved 2 mm outwards (fundus: 6 pixels), with a smooth wobble",
        draws=SimulatedRater(bias_mm=2.0, wobble_mm=0.8, wobble_size_mm=8.0),
        draws_on={FUNDUS: SimulatedRater(bias_mm=6.0, wobble_mm=2.0, wobble_size_mm=18.0)},
        says={FUNDUS: "yes"},
        confidence=0.9,
    ),
    _Simulated(
        name="Dr Ben (simulated: draws small)",
        how="outline moved 2 mm inwards (fundus: 7 pixels); the small mass overlooked",
        draws=SimulatedRater(bias_mm=-2.0, wobble_mm=0.8, wobble_size_mm=8.0),
        draws_on={
            CT_SMALL: _OVERLOOKS,
            FUNDUS: SimulatedRater(bias_mm=-7.0, wobble_mm=2.0, wobble_size_mm=18.0),
        },
        says={CT_SMALL: "no", FUNDUS: "no"},
    ),
    _Simulated(
        name="Dr Cho (simulated: ragged edge)",
        how="outline shifted from pixel to pixel; the small mass overlooked",
        draws=SimulatedRater(bias_mm=0.5, wobble_mm=2.5, wobble_size_mm=6.0, roughness_mm=0.7),
        draws_on={
            CT_SMALL: _OVERLOOKS,
            FUNDUS: SimulatedRater(wobble_mm=4.0, wobble_size_mm=12.0, roughness_mm=1.0),
        },
        says={CT_SMALL: "unsure", FUNDUS: "no"},
        confidence=0.5,
    ),
)
_SEED = 20


def rater_names() -> tuple[str, ...]:
    """Return everyone who has read the sample cases, the real readings first."""
    return (CT_AUTHOR, FUNDUS_AUTHOR, *(person.name for person in _PEOPLE))


def readings_of(
    case_key: str, drawn: NDArray[np.unsignedinteger], spacing_mm: tuple[float, float, float]
) -> tuple[Reading, ...]:
    """Return all readings of a case, made from the one that was really drawn, ``(z, y, x)``.

    ``case_key`` is one of `SOURCES`. The same every time. Must not write to its input.
    """
    author = FUNDUS_AUTHOR if case_key == FUNDUS else CT_AUTHOR
    found = [
        Reading(
            rater_name=author,
            mask=drawn,
            diagnosis=_diagnosis("unsure", None, "Not a clinician's diagnosis: none came with it."),
        )
    ]
    for number, person in enumerate(_PEOPLE):
        mask = simulate_reading(
            drawn, spacing_mm, person.draws_on.get(case_key, person.draws), seed=_SEED + number
        )
        comment = f"Simulated reading, no clinician's: {person.how}."
        said = person.says.get(case_key, "yes")
        found.append(
            Reading(
                rater_name=person.name,
                mask=mask,
                diagnosis=_diagnosis(said, person.confidence, comment),
            )
        )
    return tuple(found)


def _diagnosis(impression: str, confidence: float | None, comment: str) -> Diagnosis:
    return Diagnosis(
        answers=(("impression", impression), ("quality", "good")),
        confidence=confidence,
        comment=comment,
    )
