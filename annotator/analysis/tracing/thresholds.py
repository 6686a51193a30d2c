"""From where on a tracing is reported: every limit with its unit, and presets; as JSON too."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING

from annotator.domain.errors import AnnotatorError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

_FORMAT = "annotator trace thresholds 1"


def _limit(default: float, unit: str, says: str) -> float:
    limit: float = field(default=default, metadata={"unit": unit, "says": says})
    return limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Limits of all checks by shape and by image.

    Lengths are µm. Where the size of a voxel is unknown a voxel counts as 1 µm. Defaults of checks
    that SNT's Curation Assistant has too are SNT's. Each field's metadata holds its unit and its
    meaning.
    """

    reach_um: float = _limit(5.0, "µm", "cable over which a direction is taken, to either side")
    turn_deg: float = _limit(110.0, "°", "a turn along a branch from this angle on")
    u_turn_deg: float = _limit(150.0, "°", "such a turn is a reversal from this angle on")
    min_branch_deg: float = _limit(10.0, "°", "two branches of a fork are nearer than this")
    max_branch_deg: float = _limit(170.0, "°", "two branches of a fork are further apart")
    from_reversal_deg: float = _limit(
        30.0, "°", "a branch leaves its fork nearer to straight back than this"
    )
    fork_radius_ratio: float = _limit(1.5, "×", "a branch is thicker than the fork it leaves")
    rising_nodes: float = _limit(10, "nodes", "the radius rises over so many nodes in a row")
    rising_ratio: float = _limit(1.5, "×", "and by this in all")
    min_tip_um: float = _limit(2.0, "µm", "a terminal branch is shorter")
    min_forks_um: float = _limit(5.0, "µm", "two forks are nearer along the branch")
    cluster_um: float = _limit(8.0, "µm", "three forks or more within this are one")
    contraction_gap: float = _limit(
        0.3, "", "chord by cable differs so much between a branch and the one it leaves"
    )
    crossing_um: float = _limit(2.0, "µm", "branches that pass so near may cross")
    crossing_gain_deg: float = _limit(
        40.0, "°", "so much less bend in each branch if their far sides were exchanged"
    )
    bundle_um: float = _limit(3.0, "µm", "branches that run beside each other so near")
    bundle_nodes: float = _limit(10, "nodes", "over so many nodes")
    bundle_deg: float = _limit(20.0, "°", "and so nearly parallel may be one")
    touch_um: float = _limit(3.0, "µm", "a tip so near to a branch it does not hang on")
    far_along_um: float = _limit(
        30.0, "µm", "what is nearer than this along the tree is no contact"
    )
    soma_um: float = _limit(500.0, "µm", "a part begins so far from the soma")
    min_z_ratio: float = _limit(0.01, "", "depth by length of a branch that may lack its depth")
    flat_branch_um: float = _limit(50.0, "µm", "shorter branches are not asked for their depth")
    joint_um: float = _limit(20.0, "µm", "a loose part so near to another may belong to it")
    joint_deg: float = _limit(45.0, "°", "where both ends point at each other within this")
    min_contrast: float = _limit(
        3.0, "noise", "brightness of the path above its surroundings, in units of their noise"
    )
    dark_um: float = _limit(6.0, "µm", "a path that is as dark as its surroundings for so long")
    dip: float = _limit(0.7, "", "brightness falls by this share between two brighter places")
    offset_um: float = _limit(2.0, "µm", "the path runs so far beside the middle of the neurite")
    offset_radii: float = _limit(1.0, "×", "and so many radii beside it")
    offset_along_um: float = _limit(6.0, "µm", "over so much cable")
    goes_on_um: float = _limit(8.0, "µm", "a neurite goes on beyond a tip for so long")
    missed_um: float = _limit(10.0, "µm", "a neurite beside the tree that is not traced, so long")
    missed_dimness: float = _limit(
        0.05, "", "what is not traced is brighter than this share of what is traced"
    )
    crossing_match: float = _limit(
        0.35, "", "brightness fits so much better if the far sides were exchanged (logarithm)"
    )
    radius_ratio: float = _limit(2.5, "×", "traced and measured radius differ by this")
    radius_along_um: float = _limit(9.0, "µm", "over so much cable")

    def __post_init__(self) -> None:
        """Refuse limits that mean nothing.

        Raises
        ------
        AnnotatorError
            A limit is not a positive finite number.
        """
        for limit in fields(self):
            value = getattr(self, limit.name)
            if not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise AnnotatorError(
                    f"the threshold {limit.name!r} ({limit.metadata['says']}) is {value!r}; it "
                    "must be a number above 0."
                )


DEFAULT_THRESHOLDS = Thresholds()

PRESETS: Mapping[str, Thresholds] = {
    "default": DEFAULT_THRESHOLDS,
    "strict": replace(
        DEFAULT_THRESHOLDS,
        turn_deg=90.0,
        crossing_um=3.0,
        crossing_gain_deg=25.0,
        min_contrast=5.0,
        dark_um=4.0,
        dip=0.5,
        offset_um=1.0,
        goes_on_um=5.0,
        missed_um=7.0,
        radius_ratio=1.8,
    ),
    "lenient": replace(
        DEFAULT_THRESHOLDS,
        turn_deg=140.0,
        crossing_gain_deg=60.0,
        bundle_nodes=20,
        min_contrast=2.0,
        dark_um=12.0,
        dip=0.85,
        offset_um=4.0,
        goes_on_um=20.0,
        missed_um=25.0,
        radius_ratio=4.0,
    ),
}
"""Thresholds by name: ``strict`` for a last look, ``lenient`` for a first one."""


def find_preset(name: str) -> Thresholds:
    """Return a preset; raises UnknownNameError with what there is."""
    if name not in PRESETS:
        raise UnknownNameError("preset of thresholds", name, PRESETS)
    return PRESETS[name]


def unit_of(name: str) -> str:
    """Return the unit of a threshold, such as ``"µm"``; empty for a plain number."""
    return next(str(f.metadata["unit"]) for f in fields(Thresholds) if f.name == name)


def thresholds_to_json(thresholds: Thresholds) -> str:
    """Return the thresholds as a JSON document with all values, to be kept and to be edited."""
    return json.dumps({"format": _FORMAT, "thresholds": asdict(thresholds)}, indent=2) + "\n"


def thresholds_from_json(text: str) -> Thresholds:
    """Return the thresholds of a JSON document; what it does not name is the default.

    Raises
    ------
    AnnotatorError
        It is no such document, or a value is no positive number.
    UnknownNameError
        It names a threshold that does not exist.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise AnnotatorError(f"the thresholds are not JSON: {error}.") from error
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise AnnotatorError(
            f'not a file of thresholds: it should say "format": {_FORMAT!r}; '
            "`annotator calibrate-traces` writes one."
        )
    given = document.get("thresholds", {})
    if not isinstance(given, dict):
        raise AnnotatorError('"thresholds" should be names with numbers.')
    known = [limit.name for limit in fields(Thresholds)]
    for name in given:
        if name not in known:
            raise UnknownNameError("threshold", name, known)
    return Thresholds(**given)
