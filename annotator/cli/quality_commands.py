"""The commands by which whoever runs a study keeps its readings good."""

from __future__ import annotations

from argparse import BooleanOptionalAction

from annotator.cli.command import PROJECT, Argument, Command

_APPLY = "do it; without this it is only shown"

QUALITY_COMMANDS: tuple[Command, ...] = (
    Command(
        name="overlap",
        summary="ask for one more rater where readings disagree, and show why",
        run="annotator.cli.overlap:overlap",
        arguments=(
            PROJECT,
            Argument(
                names=("--first",),
                help="raters who read every case (2)",
                options={"metavar": "N", "type": int},
            ),
            Argument(
                names=("--most",),
                help="raters who read a case at most (4)",
                options={"metavar": "N", "type": int},
            ),
            Argument(
                names=("--dice",),
                help="one more where the mean Dice lies below (0.8)",
                options={"metavar": "X", "type": float},
            ),
            Argument(
                names=("--mm",),
                help="one more where outlines lie farther from the majority's on average",
                options={"metavar": "MM", "type": float},
            ),
            Argument(
                names=("--difficulty",),
                help="one more from the start where a model foretells a greater difficulty, 0 to 1",
                options={"metavar": "X", "type": float},
            ),
            Argument(
                names=("--regions",),
                help="ask for the disputed regions only, or (--no-regions) for whole cases",
                options={"action": BooleanOptionalAction},
            ),
            Argument(
                names=("--apply",),
                help=f"keep the rule and ask: {_APPLY}",
                options={"action": "store_true"},
            ),
        ),
        example="annotator overlap lungs --first 2 --most 4 --dice 0.85 --apply",
    ),
    Command(
        name="find-errors",
        summary="let a trained model check the labels of readings, and show what it rejects",
        run="annotator.cli.checking:find_errors",
        arguments=(
            PROJECT,
            Argument(
                names=("cases",),
                help="ids or unique titles of cases; every case where none is given",
                options={"metavar": "CASE", "nargs": "*"},
            ),
            Argument(
                names=("--fit",),
                help="id of the trained model; the newest that can check labels if none is given",
                options={"metavar": "FIT"},
            ),
        ),
        example="annotator find-errors lungs",
    ),
    Command(
        name="learn-contours",
        summary="let a detector learn from signed-off cases where contours go wrong",
        run="annotator.cli.checking:learn_contours",
        arguments=(
            PROJECT,
            Argument(
                names=("--detector",),
                help="name of an installed contour detector (%(default)s)",
                options={"metavar": "NAME", "default": "contour-patches"},
            ),
            Argument(
                names=("--set",),
                help="a parameter; may be given several times",
                options={
                    "metavar": "KEY=VALUE",
                    "action": "append",
                    "default": [],
                    "dest": "settings",
                },
            ),
        ),
        example="annotator learn-contours lungs",
    ),
    Command(
        name="find-contour-errors",
        summary="let a detector check the contours of readings, and show what it holds wrong",
        run="annotator.cli.checking:find_contour_errors",
        arguments=(
            PROJECT,
            Argument(
                names=("cases",),
                help="ids or unique titles of cases; every case where none is given",
                options={"metavar": "CASE", "nargs": "*"},
            ),
            Argument(
                names=("--fit",),
                help="id of what was learned; the newest if none is given",
                options={"metavar": "FIT"},
            ),
        ),
        example="annotator find-contour-errors lungs",
    ),
    Command(
        name="repeats",
        summary="let raters read cases a second time without knowing, and compare the readings",
        run="annotator.cli.repeats:repeats",
        arguments=(
            PROJECT,
            Argument(
                names=("--share",),
                help="of each rater's cases, 0 to 1 (%(default)s)",
                options={"metavar": "X", "type": float, "default": 0.1},
            ),
            Argument(
                names=("--days",),
                help="days since the first reading, at least (%(default)s)",
                options={"metavar": "N", "type": float, "default": 14.0},
            ),
            Argument(
                names=("--cases",),
                help="other cases read in between, at least (%(default)s)",
                options={"metavar": "N", "type": int, "default": 10},
            ),
            Argument(
                names=("--apply",),
                help=f"give the repeats: {_APPLY}",
                options={"action": "store_true"},
            ),
        ),
        example="annotator repeats lungs --share 0.1 --apply",
    ),
    Command(
        name="gold",
        summary="mark cases whose truth is known, and tell how raters do on them over time",
        run="annotator.cli.gold:gold",
        arguments=(
            PROJECT,
            Argument(
                names=("case",),
                help="id or unique title of the case to mark; the table of raters where none is "
                "given",
                options={"metavar": "CASE", "nargs": "?"},
            ),
            Argument(
                names=("--mask",),
                help="its true mask: NIfTI, NRRD, MHA, PNG or TIFF, on the grid of the case",
                options={"metavar": "FILE"},
            ),
            Argument(
                names=("--from-adjudication",),
                help="take what was signed off on it as its truth",
                options={"action": "store_true"},
            ),
            Argument(
                names=("--remove",),
                help="make it a case like any other again",
                options={"action": "store_true"},
            ),
            Argument(
                names=("--diagnosis",),
                help="a true answer of the diagnosis form, KEY=ANSWER; may be given several times",
                options={"metavar": "CODE", "action": "append", "default": []},
            ),
            Argument(
                names=("--source",),
                help="where the truth of a mask comes from; its file name where it is not given",
                options={"metavar": "WORDS"},
            ),
            Argument(
                names=("--resample",),
                help="bring a mask on another grid to the grid of the case, by nearest neighbour",
                options={"action": "store_true"},
            ),
            Argument(
                names=("--assign",),
                help="give every gold case to everybody, mixed into what they have yet to read",
                options={"action": "store_true"},
            ),
            Argument(
                names=("--tolerance",),
                help="distance that the surface Dice counts as agreement (2 mm)",
                options={"metavar": "MM", "type": float},
            ),
        ),
        example='annotator gold lungs "Chest 1" --mask truth.nii.gz --assign',
    ),
    Command(
        name="performance",
        summary="tell what each rater is worth by the cases that were signed off",
        run="annotator.cli.performance:performance",
        arguments=(PROJECT,),
        example="annotator performance lungs",
    ),
    Command(
        name="next",
        summary="name the unread cases that a model would gain most from, and why",
        run="annotator.cli.next_cases:next_cases",
        arguments=(
            PROJECT,
            Argument(
                names=("--n",),
                help="how many (%(default)s)",
                options={"metavar": "N", "type": int, "default": 10},
            ),
            Argument(
                names=("--model",),
                help="model whose drawings and doubts to go by; the one that has read most cases "
                "where none is given",
                options={"metavar": "NAME"},
            ),
        ),
        example="annotator next lungs --n 5",
    ),
    Command(
        name="acceptance",
        summary="tell what people made of models' drawings, and whether they are drawn to them",
        run="annotator.cli.acceptance:acceptance",
        arguments=(
            PROJECT,
            Argument(
                names=("--without-model",),
                help="let raters read this share of their cases without a model, 0 to 1",
                options={"metavar": "X", "type": float},
            ),
        ),
        example="annotator acceptance lungs --without-model 0.2",
    ),
    Command(
        name="feedback",
        summary="tell a rater where they draw too much or too little, where the project allows it",
        run="annotator.cli.performance:feedback",
        arguments=(
            PROJECT,
            Argument(
                names=("--rater",),
                help="whose feedback to show",
                options={"metavar": "NAME"},
            ),
            Argument(
                names=("--allow",),
                help="let raters have it, or (--no-allow) not",
                options={"action": BooleanOptionalAction},
            ),
        ),
        example="annotator feedback lungs --allow",
    ),
)
