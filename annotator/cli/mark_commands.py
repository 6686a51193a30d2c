"""The commands about marks."""

from __future__ import annotations

from annotator.cli.command import PROJECT, Argument, Command
from annotator.domain.marks import MATCH_LIMIT

MARK_COMMANDS: tuple[Command, ...] = (
    Command(
        name="add-marks",
        summary="bring in landmarks, points, lines, areas and boxes that were set elsewhere",
        run="annotator.cli.marks:add_marks",
        arguments=(
            PROJECT,
            Argument(
                names=("case",),
                help="id or unique title of a case",
                options={"metavar": "CASE"},
            ),
            Argument(
                names=("--rater",),
                help="who set them; add-rater adds people",
                options={"metavar": "NAME", "required": True},
            ),
            Argument(
                names=("--file",),
                help="the marks: a markups file (.mrk.json) in the patient's coordinates",
                options={"metavar": "FILE", "required": True},
            ),
        ),
        example='annotator add-marks lungs "Chest 1" --rater "Dr. Abe" --file abe.mrk.json',
    ),
    Command(
        name="compare-marks",
        summary="tell how well raters agree on landmarks, points, lines, areas and boxes, in mm",
        run="annotator.cli.marks:compare_marks",
        arguments=(
            PROJECT,
            Argument(
                names=("cases",),
                help="ids or unique titles of cases; every case where none is given",
                options={"metavar": "CASE", "nargs": "*"},
            ),
            Argument(
                names=("--models",),
                help="compare the marks of models too (left out otherwise)",
                options={"action": "store_true"},
            ),
            Argument(
                names=("--limit",),
                help="how far apart, in mm (pixels without a scale), points, lines and areas of "
                "two raters may lie to be taken for the same (%(default)s)",
                options={"metavar": "MM", "type": float, "default": MATCH_LIMIT},
            ),
        ),
        example="annotator compare-marks lungs --limit 5",
    ),
)
