"""Made studies with known answers: truth, image, readings of a panel, diagnoses, what was planted.

Every case has a difficulty of its own by which all raters' shifts are multiplied: the latent
quantity that a ranking of hard cases should find. Nothing here is anybody's reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.phantom_panels import SCENARIOS, PanelMember, Scenario
from annotator.analysis.phantom_shapes import (
    MAKERS,
    Phantom,
    Shape,
    disc_cup_case,
    lesions_case,
    organ_case,
)
from annotator.analysis.simulate import planted_error_mm, simulate_panel
from annotator.domain.errors import AnnotatorError, UnknownNameError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "MAKERS",
    "SCENARIOS",
    "PanelMember",
    "Phantom",
    "Scenario",
    "Shape",
    "SimulatedCase",
    "SimulatedStudy",
    "disc_cup_case",
    "find_scenario",
    "lesions_case",
    "organ_case",
    "simulate_study",
]

_EASIEST, _HARDEST = 0.5, 2.0
_FEWEST_RATERS = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedCase:
    """One case of a made study.

    Attributes
    ----------
    case_id : str
        Unique in the study.
    phantom : Phantom
        Truth, image, spacing and true diagnosis.
    readings : tuple of ndarray
        Mask of each rater, ``(z, y, x)`` uint8.
    answers : tuple of bool
        Whether each rater says that the case is diseased.
    difficulty : float
        By what all shifts of outlines were multiplied, 0.5 to 2.
    expected_error_mm : tuple of ndarray
        How far each rater's outline is expected off at each voxel, ``(z, y, x)`` float32.
    """

    case_id: str
    phantom: Phantom
    readings: tuple[NDArray[np.uint8], ...]
    answers: tuple[bool, ...]
    difficulty: float
    expected_error_mm: tuple[NDArray[np.float32], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedStudy:
    """Cases that the same panel read.

    ``members`` are in the order of every case's readings; ``rater_ids`` name them in short.
    """

    scenario: Scenario
    members: tuple[PanelMember, ...]
    cases: tuple[SimulatedCase, ...]
    seed: int

    @property
    def rater_ids(self) -> tuple[str, ...]:
        """``r1``, ``r2`` …, in the order of the readings."""
        return tuple(f"r{number}" for number in range(1, len(self.members) + 1))


def find_scenario(name: str) -> Scenario:
    """Return a scenario by name; raises UnknownNameError, which suggests one."""
    known = {scenario.name: scenario for scenario in SCENARIOS}
    if name not in known:
        raise UnknownNameError("scenario", name, known)
    return known[name]


def simulate_study(
    scenario: str | Scenario,
    *,
    n_cases: int,
    n_raters: int | None = None,
    seed: int = 0,
    shape: Shape | None = None,
    size: int | None = None,
) -> SimulatedStudy:
    """Return a made study; the same arguments give the same bytes.

    ``shape`` is what is drawn, and ``size`` its rows and columns, where they should not be those
    of the scenario. Raises AnnotatorError for fewer than one case or two raters.
    """
    known = find_scenario(scenario) if isinstance(scenario, str) else scenario
    if n_cases < 1:
        raise AnnotatorError(f"a study has at least one case, not {n_cases}")
    if n_raters is not None and n_raters < _FEWEST_RATERS:
        raise AnnotatorError(f"a study has at least {_FEWEST_RATERS} raters, not {n_raters}")
    members = known.panel(n_raters)
    cases = tuple(
        _simulate_case(members, shape or known.shape, size, seed=seed, number=number)
        for number in range(n_cases)
    )
    return SimulatedStudy(scenario=known, members=members, cases=cases, seed=seed)


def _simulate_case(
    members: tuple[PanelMember, ...], shape: Shape, size: int | None, *, seed: int, number: int
) -> SimulatedCase:
    truth_seed, panel_seed, own_seed = (
        int(value) for value in np.random.SeedSequence((seed, number)).generate_state(3)
    )
    make = MAKERS[shape]
    phantom = make(seed=truth_seed) if size is None else make(seed=truth_seed, size=size)
    random = np.random.default_rng(own_seed)
    difficulty = float(np.exp(random.uniform(np.log(_EASIEST), np.log(_HARDEST))))
    raters = [member.draws.scaled(difficulty) for member in members]
    readings = simulate_panel(
        phantom.truth, phantom.spacing_mm, raters, panel_seed, nested=phantom.is_nested
    )
    return SimulatedCase(
        case_id=f"case-{number + 1:03d}",
        phantom=phantom,
        readings=tuple(mask.astype(np.uint8, copy=False) for mask in readings),
        answers=tuple(
            phantom.is_diseased == bool(random.random() < member.diagnosis_accuracy)
            for member in members
        ),
        difficulty=difficulty,
        expected_error_mm=tuple(
            planted_error_mm(phantom.truth, phantom.spacing_mm, rater) for rater in raters
        ),
    )
