"""Named panels of simulated raters, each with something that a fusion should find out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.analysis.simulate import Region, SimulatedRater

if TYPE_CHECKING:
    from annotator.analysis.phantom_shapes import Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelMember:
    """One simulated rater of a panel.

    ``how`` says in a few words what is planted; ``diagnosis_accuracy`` is the probability that
    the rater's diagnosis is the true one.
    """

    how: str
    draws: SimulatedRater
    diagnosis_accuracy: float = 0.8

    def name(self, number: int) -> str:
        """Return a name that tells everyone that there is no such person."""
        return f"Rater {number} (simulated: {self.how})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A panel and what it draws: ``members`` are taken in turn where more raters are asked for."""

    name: str
    title: str
    summary: str
    shape: Shape
    members: tuple[PanelMember, ...]

    def panel(self, n_raters: int | None = None) -> tuple[PanelMember, ...]:
        """Return as many members as asked for; all, once each, where it is None."""
        n = len(self.members) if n_raters is None else n_raters
        return tuple(self.members[place % len(self.members)] for place in range(n))


_ACCURATE = PanelMember(
    how="accurate",
    draws=SimulatedRater(wobble_mm=0.7, wobble_size_mm=4.0),
    diagnosis_accuracy=0.9,
)
_UNSTEADY = PanelMember(
    how="unsteady",
    draws=SimulatedRater(wobble_mm=4.5, wobble_size_mm=8.0),
    diagnosis_accuracy=0.65,
)
_GLOBAL_SKILL = (
    _ACCURATE,
    _ACCURATE,
    PanelMember(
        how="draws large", draws=SimulatedRater(bias_mm=3.0, wobble_mm=1.0, wobble_size_mm=6.0)
    ),
    PanelMember(
        how="draws small", draws=SimulatedRater(bias_mm=-3.0, wobble_mm=1.0, wobble_size_mm=6.0)
    ),
    _UNSTEADY,
    _UNSTEADY,
)
_N_SECTORS = 5


def _good_towards(degrees: float) -> PanelMember:
    """Return a rater who is good in one sector and poor in the rest of the plane."""
    angle = math.radians(degrees)
    elsewhere = Region(
        direction=(0.0, -math.sin(angle), -math.cos(angle)),
        opening_deg=360 - 1.5 * 360 / _N_SECTORS,
        wobble_mm=4.0,
    )
    return PanelMember(
        how=f"good towards {degrees:g}°",
        draws=SimulatedRater(wobble_mm=0.6, wobble_size_mm=6.0, regions=(elsewhere,)),
    )


_REGIONAL_SKILL = tuple(_good_towards(360 * at / _N_SECTORS) for at in range(_N_SECTORS))
_COPIER = PanelMember(
    how="copies rater 3",
    draws=SimulatedRater(copies=2, wobble_mm=0.4, wobble_size_mm=3.0),
    diagnosis_accuracy=0.7,
)
_DEPENDENT = (
    _ACCURATE,
    _ACCURATE,
    PanelMember(
        how="draws large",
        draws=SimulatedRater(bias_mm=2.5, wobble_mm=2.0, wobble_size_mm=6.0),
        diagnosis_accuracy=0.7,
    ),
    _COPIER,
    _COPIER,
)
_DECENT = PanelMember(how="decent", draws=SimulatedRater(wobble_mm=2.0, wobble_size_mm=6.0))
_SPAMMER = PanelMember(
    how="draws anything", draws=SimulatedRater(is_spammer=True), diagnosis_accuracy=0.5
)
_SPAMMERS = (
    _DECENT,
    _DECENT,
    _DECENT,
    _SPAMMER,
    _SPAMMER,
)
_SMALL_LESIONS = (
    PanelMember(
        how="careful",
        draws=SimulatedRater(wobble_mm=0.4, wobble_size_mm=3.0, miss_rate=0.05),
        diagnosis_accuracy=0.9,
    ),
    PanelMember(
        how="overlooks some",
        draws=SimulatedRater(wobble_mm=0.6, wobble_size_mm=3.0, miss_rate=0.3),
    ),
    PanelMember(
        how="sees too much",
        draws=SimulatedRater(
            bias_mm=0.8, wobble_mm=0.6, wobble_size_mm=3.0, n_false=2, false_radius_mm=3.0
        ),
        diagnosis_accuracy=0.7,
    ),
    PanelMember(
        how="overlooks many",
        draws=SimulatedRater(bias_mm=-0.5, wobble_mm=0.6, wobble_size_mm=3.0, miss_rate=0.6),
        diagnosis_accuracy=0.6,
    ),
)


def _confusing(*keeps: float) -> SimulatedRater:
    """Return a rater who keeps each label with that probability and spreads the rest evenly."""
    others = len(keeps) - 1
    return SimulatedRater(
        confusion=tuple(
            tuple(keep if said == meant else (1 - keep) / others for said in range(len(keeps)))
            for meant, keep in enumerate(keeps)
        )
    )


_CONFUSION = tuple(
    PanelMember(how=how, draws=_confusing(*keeps))
    for how, keeps in (
        ("rarely wrong", (0.99, 0.95, 0.95)),
        ("misses the cup", (0.98, 0.95, 0.6)),
        ("misses the disc", (0.98, 0.7, 0.9)),
        ("marks background", (0.85, 0.9, 0.9)),
        ("often wrong", (0.9, 0.7, 0.7)),
    )
)

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="global-skill",
        title="Global skill",
        summary="two accurate raters, one draws large, one small, two are unsteady",
        shape="disc-cup",
        members=_GLOBAL_SKILL,
    ),
    Scenario(
        name="regional-skill",
        title="Regional skill",
        summary="each of five raters is good in one sector and poor in the others",
        shape="disc-cup",
        members=_REGIONAL_SKILL,
    ),
    Scenario(
        name="dependent-raters",
        title="Dependent raters",
        summary="two accurate raters, and one who draws large with two who copy",
        shape="organ",
        members=_DEPENDENT,
    ),
    Scenario(
        name="spammers",
        title="Spammers",
        summary="three decent raters and two who draw anything",
        shape="disc-cup",
        members=_SPAMMERS,
    ),
    Scenario(
        name="small-lesions",
        title="Small lesions",
        summary="raters who overlook lesions or see some that are not there",
        shape="lesions",
        members=_SMALL_LESIONS,
    ),
    Scenario(
        name="confusion-tables",
        title="Confusion tables",
        summary="every voxel mistaken for itself by known tables: what STAPLE takes raters for",
        shape="disc-cup",
        members=_CONFUSION,
    ),
)
