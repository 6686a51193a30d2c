"""Commands for the tracings of a project."""

from __future__ import annotations

from annotator.cli.command import PROJECT, Argument, Command

_CASES = Argument(
    names=("cases",),
    help="ids or unique titles of traced cases; every one where none is given",
    options={"metavar": "CASE", "nargs": "*"},
)
_CASE = Argument(
    names=("case",), help="id or unique title of a traced case", options={"metavar": "CASE"}
)
_REVIEWER = Argument(
    names=("--reviewer",),
    help="who decides; they cannot trace the case blinded any more",
    options={"metavar": "NAME", "required": True},
)
_BASE = Argument(
    names=("--base",),
    help="whose tracing is looked through; the one that is reviewed where it is not given",
    options={"metavar": "RATER"},
)
_DIAGNOSIS = Argument(
    names=("--diagnosis",),
    help="an answer to a question of the schema; may be given several times",
    options={"metavar": "KEY=ANSWER", "action": "append", "default": []},
)

TRACING_COMMANDS: tuple[Command, ...] = (
    Command(
        name="add-tracing",
        summary="add an SWC file as a rater's tracing of a case",
        run="annotator.cli.project_tracings:add_tracing",
        arguments=(
            PROJECT,
            Argument(
                names=("case",),
                help="id or unique title of a case that was imported with --reads tracing",
                options={"metavar": "CASE"},
            ),
            Argument(names=("rater",), help="who traced it", options={"metavar": "RATER"}),
            Argument(names=("file",), help="the SWC file", options={"metavar": "FILE.swc"}),
            Argument(
                names=("--unit",),
                help="unit of the file; the one that fits the image where it is not given",
                options={"choices": ("um", "voxel")},
            ),
            Argument(
                names=("--automatic",),
                help="a program traced it; it is added as a rater where there is none of that name",
                options={"action": "store_true"},
            ),
            Argument(
                names=("--draft",),
                help="as the start of the person's own drawing, not as a submitted tracing",
                options={"action": "store_true"},
            ),
            _DIAGNOSIS,
        ),
        example='annotator add-tracing neurons "Cell 1" APP2 cell-1-app2.swc --automatic',
    ),
    Command(
        name="trace-findings",
        summary="look through tracings: checks, learned errors, what tracers dispute",
        run="annotator.cli.project_tracings:trace_findings",
        arguments=(PROJECT, _CASES, _BASE),
        example="annotator trace-findings neurons",
    ),
    Command(
        name="trace-decide",
        summary="give a verdict on a place of a tracing",
        run="annotator.cli.deciding_tracings:decide",
        arguments=(
            PROJECT,
            _CASE,
            Argument(
                names=("place",),
                help="number of the place, as trace-findings tells it",
                options={"metavar": "PLACE", "type": int},
            ),
            Argument(
                names=("verdict",),
                help="keep, cut, connect, take or uncertain",
                options={
                    "metavar": "VERDICT",
                    "choices": ("keep", "cut", "connect", "take", "uncertain"),
                },
            ),
            _REVIEWER,
            Argument(
                names=("--reason",),
                help="right, not-this-neuron, wrong-turn, missed, wrongly-joined, artefact, "
                "unclear or other",
                options={"metavar": "REASON", "required": True},
            ),
            Argument(
                names=("--comment",), help="a comment", options={"metavar": "TEXT", "default": ""}
            ),
            Argument(
                names=("--node",),
                help="node to cut or connect; the place's own where it is not given",
                options={"metavar": "ID", "type": int},
            ),
            Argument(
                names=("--to",),
                help="node to connect to",
                options={"metavar": "ID", "type": int},
            ),
            Argument(
                names=("--take",),
                help="whose branch to take; the longest where it is not given",
                options={"metavar": "RATER"},
            ),
            _BASE,
        ),
        example="annotator trace-decide neurons Cell 3 cut --reviewer Rita --reason wrong-turn",
    ),
    Command(
        name="trace-sign-off",
        summary="make what the verdicts made of a tracing final",
        run="annotator.cli.deciding_tracings:sign_off",
        arguments=(PROJECT, _CASE, _REVIEWER, _DIAGNOSIS, _BASE),
        example="annotator trace-sign-off neurons Cell --reviewer Rita",
    ),
    Command(
        name="learn-traces",
        summary="let a detector learn from signed-off tracings where tracings go wrong",
        run="annotator.cli.project_tracings:learn_traces",
        arguments=(
            PROJECT,
            Argument(
                names=("--detector",),
                help="name of an installed trace detector",
                options={"metavar": "NAME", "required": True},
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
        example="annotator learn-traces neurons --detector NAME",
    ),
    Command(
        name="trace-report",
        summary="write what was checked, found, decided and changed in tracings as an HTML file",
        run="annotator.cli.project_tracings:trace_report",
        arguments=(
            PROJECT,
            _CASES,
            Argument(
                names=("--out",),
                help="the file to write (%(default)s)",
                options={"metavar": "FILE.html", "default": "tracing-report.html"},
            ),
        ),
        example="annotator trace-report neurons --out neurons.html",
    ),
)
