"""Commands that lay several tracings of one neuron over each other; they need no project."""

from __future__ import annotations

from annotator.cli.command import Argument, Command

_FILES = Argument(
    names=("files",),
    help="SWC files of one neuron, two or more; a tracer is named for the file",
    options={"metavar": "FILE", "nargs": "+"},
)
_TOLERANCE = Argument(
    names=("--tolerance",),
    help="how far apart cable may lie and still be the same, in the files' unit (%(default)s)",
    options={"metavar": "UM", "type": float, "default": 3.0},
)

COMPARING_COMMANDS: tuple[Command, ...] = (
    Command(
        name="compare-traces",
        summary="measure tracings of a neuron against each other, or against a gold one",
        run="annotator.cli.comparing_traces:compare_traces",
        arguments=(
            _FILES,
            Argument(
                names=("--gold",),
                help="a tracing that is trusted; each of the others is measured against it",
                options={"metavar": "FILE"},
            ),
            _TOLERANCE,
        ),
        example="annotator compare-traces abe.swc baum.swc chen.swc --tolerance 2",
    ),
    Command(
        name="merge-traces",
        summary="merge tracings of a neuron into one, with the support of each branch",
        run="annotator.cli.comparing_traces:merge_traces",
        arguments=(
            _FILES,
            Argument(
                names=("--output",),
                help="the SWC file to write",
                options={"metavar": "FILE", "required": True},
            ),
            _TOLERANCE,
        ),
        example="annotator merge-traces abe.swc baum.swc chen.swc --output merged.swc",
    ),
)
