"""Commands for the thresholds of checks of tracings."""

from __future__ import annotations

from annotator.cli.command import Argument, Command

THRESHOLD_COMMANDS: tuple[Command, ...] = (
    Command(
        name="calibrate-traces",
        summary="find thresholds of checks from tracings that are trusted",
        run="annotator.cli.tracing_thresholds:calibrate_traces",
        arguments=(
            Argument(
                names=("files",),
                help="SWC files that are trusted",
                options={"metavar": "FILE.swc", "nargs": "+"},
            ),
            Argument(
                names=("--images",),
                help="their images, one for each file in the same order; checks with an image keep "
                "their thresholds where none is given",
                options={"metavar": "IMAGE", "nargs": "+", "default": []},
            ),
            Argument(
                names=("--output",),
                help="the file to write (%(default)s)",
                options={"metavar": "FILE.json", "default": "trace-thresholds.json"},
            ),
            Argument(
                names=("--quantile",),
                help="share of the trusted branches, forks and tips that is to pass (%(default)s)",
                options={"metavar": "Q", "type": float, "default": 0.99},
            ),
            Argument(
                names=("--from",),
                help="thresholds to begin with: a preset (default, strict, lenient) or a file",
                options={"metavar": "NAME|FILE", "default": "default", "dest": "start"},
            ),
        ),
        example="annotator calibrate-traces gold/*.swc --output retina.json",
    ),
)
