"""The command that puts series beside cases."""

from __future__ import annotations

from annotator.cli.command import PROJECT, Argument, Command
from annotator.domain.companions import KINDS

COMPANION_COMMANDS: tuple[Command, ...] = (
    Command(
        name="companions",
        summary="show which series stand beside cases, and put others there: of the same study, or "
        "an earlier one",
        run="annotator.cli.companions:companions",
        arguments=(
            PROJECT,
            Argument(
                names=("case",),
                help="id or unique title of a case; every case where none is given",
                options={"metavar": "CASE", "nargs": "?"},
            ),
            Argument(
                names=("--files",),
                help="files and directories whose series are put beside the case; they become no "
                "cases",
                options={"metavar": "PATH", "nargs": "+", "default": []},
            ),
            Argument(
                names=("--from-case",),
                help="put the image of another case of the project beside it",
                options={"metavar": "CASE"},
            ),
            Argument(
                names=("--as",),
                help="what it is to the case: another series of the study (series), or an earlier "
                "study (prior); by what the files say where it is not given",
                options={"choices": KINDS, "dest": "kind"},
            ),
            Argument(
                names=("--detach",),
                help="take a series away that was put beside the case: its title or id",
                options={"metavar": "SERIES"},
            ),
        ),
        example="annotator companions lungs 'Chest 1' --files /data/2024 --as prior",
    ),
)
