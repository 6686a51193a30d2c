"""The command that checks tracings in files."""

from __future__ import annotations

from annotator.cli.command import Argument, Command

CHECKING_TRACES_COMMANDS: tuple[Command, ...] = (
    Command(
        name="check-traces",
        summary="tell what may be wrong with neuron tracings, line by line, and repair it if asked",
        run="annotator.cli.checking_traces:check_traces",
        arguments=(
            Argument(
                names=("files",),
                help="SWC files of any dialect",
                options={"metavar": "FILE.swc", "nargs": "+"},
            ),
            Argument(
                names=("--image",),
                help="the volume that was traced, in any format that can be imported; checks that "
                "see it are asked too",
                options={"metavar": "FILE"},
            ),
            Argument(
                names=("--unit",),
                help="unit of the files; with an image the one that fits it where it is not given, "
                "else µm",
                options={"choices": ("um", "voxel")},
            ),
            Argument(
                names=("--spacing",),
                help="without an image: the size of a voxel in µm; the files are in voxels then",
                options={"metavar": "X,Y,Z"},
            ),
            Argument(
                names=("--thresholds",),
                help="from where on is reported: default, strict, lenient or a file of "
                "`annotator calibrate-traces` (%(default)s)",
                options={"metavar": "NAME|FILE", "default": "default"},
            ),
            Argument(
                names=("--repair",),
                help="write the file there with what can be repaired; other lines keep every byte",
                options={"metavar": "OUT.swc"},
            ),
            Argument(
                names=("--fix",),
                help="with --repair: only this repair; may be given several times",
                options={"metavar": "NAME", "action": "append", "default": []},
            ),
        ),
        example="annotator check-traces cell-1.swc --image cell-1.tif --repair mended.swc",
    ),
)
