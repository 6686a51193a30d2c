"""Every command of the program."""

from __future__ import annotations

from annotator.cli.checking_traces_commands import CHECKING_TRACES_COMMANDS
from annotator.cli.command import PROJECT as _PROJECT
from annotator.cli.command import Argument, Command
from annotator.cli.companion_commands import COMPANION_COMMANDS
from annotator.cli.comparing_commands import COMPARING_COMMANDS
from annotator.cli.mark_commands import MARK_COMMANDS
from annotator.cli.quality_commands import QUALITY_COMMANDS
from annotator.cli.threshold_commands import THRESHOLD_COMMANDS
from annotator.cli.tracing_commands import TRACING_COMMANDS

_CASE = Argument(names=("case",), help="id or unique title of a case", options={"metavar": "CASE"})
_CASES = Argument(
    names=("cases",),
    help="ids or unique titles of cases; every case where none is given",
    options={"metavar": "CASE", "nargs": "*"},
)
_MODELS = Argument(
    names=("--models",),
    help="count the readings of models too (left out otherwise)",
    options={"action": "store_true"},
)
_SET = Argument(
    names=("--set",),
    help="a parameter; may be given several times",
    options={"metavar": "KEY=VALUE", "action": "append", "default": [], "dest": "settings"},
)

COMMANDS: tuple[Command, ...] = (
    Command(
        name="open",
        summary="open the window, on a project or on the start page",
        run="annotator.cli.program:open_window",
        arguments=(
            Argument(
                names=("project",),
                help="project directory or URL; the start page where none is given",
                options={"metavar": "PROJECT", "nargs": "?"},
            ),
        ),
        example="annotator open lungs",
    ),
    Command(
        name="demo",
        summary="build the sample project and open the window on it",
        run="annotator.cli.program:demo",
        arguments=(
            Argument(
                names=("directory",),
                help="where to build it; a new directory where none is given",
                options={"metavar": "DIR", "nargs": "?"},
            ),
        ),
        example="annotator demo",
    ),
    Command(
        name="new",
        summary="make a new project",
        run="annotator.cli.projects:new",
        arguments=(
            _PROJECT,
            Argument(
                names=("--schema",),
                help="name of a schema that comes with the program, or a JSON file; one label with "
                "the value 1 where none is given",
                options={"metavar": "NAME|FILE"},
            ),
            Argument(
                names=("--title",),
                help="title of the project; the directory's name where none is given",
                options={"metavar": "TITLE"},
            ),
        ),
        example="annotator new lungs --schema chest-ct",
    ),
    Command(
        name="simulate",
        summary="make a project of made images and simulated readings, with the truth beside it",
        run="annotator.cli.simulating:simulate",
        arguments=(
            _PROJECT,
            Argument(
                names=("--scenario",),
                help="what the raters are like (%(default)s): global-skill, regional-skill, "
                "dependent-raters, spammers, small-lesions or confusion-tables",
                options={"metavar": "NAME", "default": "global-skill"},
            ),
            Argument(
                names=("--cases",),
                help="how many cases (%(default)s)",
                options={"metavar": "N", "type": int, "default": 12},
            ),
            Argument(
                names=("--raters",),
                help="how many raters; those of the scenario, once each, where it is not given",
                options={"metavar": "N", "type": int},
            ),
            Argument(
                names=("--seed",),
                help="another seed, other cases (%(default)s)",
                options={"metavar": "S", "type": int, "default": 0},
            ),
        ),
        example="annotator simulate trial --scenario regional-skill --cases 20",
    ),
    Command(
        name="import",
        summary="import studies: DICOM, NIfTI, NRRD, MHA, PNG, JPEG, TIFF, directories of them",
        run="annotator.cli.projects:import_studies",
        arguments=(
            _PROJECT,
            Argument(
                names=("paths",),
                help="files and directories",
                options={"metavar": "PATH", "nargs": "+"},
            ),
            Argument(
                names=("--reads",),
                help="what is read on the cases: masks are drawn (mask), or neurons are traced "
                "(tracing)",
                options={"choices": ("mask", "tracing"), "default": "mask"},
            ),
        ),
        example="annotator import lungs /data/ct",
    ),
    *COMPANION_COMMANDS,
    Command(
        name="add-rater",
        summary="add people who read cases",
        run="annotator.cli.projects:add_rater",
        arguments=(
            _PROJECT,
            Argument(
                names=("names",), help="their names", options={"metavar": "NAME", "nargs": "+"}
            ),
        ),
        example='annotator add-rater lungs "Dr. Abe" "Dr. Baum"',
    ),
    Command(
        name="assign",
        summary="give every case to raters, each in an own random order",
        run="annotator.cli.projects:assign",
        arguments=(
            _PROJECT,
            Argument(
                names=("--raters",),
                help="how many people read each case; all of them where it is not given",
                options={"metavar": "N", "type": int},
            ),
            Argument(
                names=("--order",),
                help="of new cases: each rater's own by chance, or for everybody those first that "
                "a model would gain most from (%(default)s)",
                options={"choices": ["random", "gain"], "default": "random"},
            ),
        ),
        example="annotator assign lungs --raters 2",
    ),
    Command(
        name="add-reading",
        summary="bring in a mask that was drawn elsewhere",
        run="annotator.cli.readings:add_reading",
        arguments=(
            _PROJECT,
            _CASE,
            Argument(
                names=("--rater",),
                help="who drew it; add-rater adds people",
                options={"metavar": "NAME", "required": True},
            ),
            Argument(
                names=("--mask",),
                help="the mask: NIfTI, NRRD, MHA, PNG or TIFF, on the grid of the case; given "
                "several times, for example a file a label group, the masks are joined",
                options={"metavar": "FILE", "required": True, "action": "append"},
            ),
            Argument(
                names=("--diagnosis",),
                help="an answer of the diagnosis form, KEY=ANSWER, or ANSWER alone where only one "
                "question can be meant; may be given several times",
                options={"metavar": "CODE", "action": "append", "default": []},
            ),
            Argument(
                names=("--resample",),
                help="bring a mask on another grid to the grid of the case, by nearest neighbour",
                options={"action": "store_true"},
            ),
            Argument(
                names=("--extend",),
                help="add values that the schema lacks to it",
                options={"action": "store_true"},
            ),
        ),
        example='annotator add-reading lungs "Chest 1" --rater "Dr. Abe" --mask abe.nii.gz',
    ),
    Command(
        name="predict",
        summary="let a model read cases; its predictions are readings of a rater of its name",
        run="annotator.cli.readings:predict",
        arguments=(
            _PROJECT,
            _CASES,
            Argument(
                names=("--model",),
                help="name of the model; `annotator plugins` lists them",
                options={"metavar": "NAME"},
            ),
            Argument(
                names=("--fit",),
                help="instead of a model: what `annotator train` trained, the first characters of "
                "its id",
                options={"metavar": "ID"},
            ),
            Argument(
                names=("--network",),
                help="instead of a model: title or id of a network that `annotator models --add` "
                "brought; several read together",
                options={"metavar": "NAME", "action": "append", "default": []},
            ),
            Argument(
                names=("--trust",),
                help="with --fit: how far to believe a rater, from 0; may be given several times",
                options={"metavar": "RATER=WEIGHT", "action": "append", "default": []},
            ),
            _SET,
        ),
        example="annotator predict lungs --model lungs",
    ),
    Command(
        name="prompt",
        summary="draw what is pointed at into a rater's draft, as one step that can be undone",
        run="annotator.cli.prompting:prompt",
        arguments=(
            _PROJECT,
            _CASE,
            Argument(
                names=("--rater",),
                help="id or unique name of the rater whose draft it is",
                options={"metavar": "RATER", "required": True},
            ),
            Argument(
                names=("--click",),
                help="a voxel of the object, from 0; may be given several times",
                options={
                    "metavar": "Z,Y,X",
                    "action": "append",
                    "default": [],
                    "dest": "clicks",
                },
            ),
            Argument(
                names=("--negative",),
                help="a voxel that is not meant; may be given several times",
                options={
                    "metavar": "Z,Y,X",
                    "action": "append",
                    "default": [],
                    "dest": "negatives",
                },
            ),
            Argument(
                names=("--box",),
                help="opposite corners, both inside, of a box on one slice; may be given several "
                "times",
                options={
                    "metavar": "Z,Y,X,Z,Y,X",
                    "action": "append",
                    "default": [],
                    "dest": "boxes",
                },
            ),
            Argument(
                names=("--label",),
                help="name or value of the label; the first of the schema where none is given",
                options={"metavar": "LABEL"},
            ),
            Argument(
                names=("--model",),
                help="name of the prompt model (%(default)s)",
                options={"metavar": "NAME", "default": "edges"},
            ),
        ),
        example="annotator prompt lungs case-1 --rater Ann --click 12,60,40",
    ),
    Command(
        name="models",
        summary="list models with their cards, or bring a network: weights, TorchScript, "
        "torch.export, ONNX, a MONAI bundle, an nnU-Net folder",
        run="annotator.cli.models:models",
        arguments=(
            _PROJECT,
            Argument(
                names=("--add",),
                help="file or folder of a network to bring; it stays where it is",
                options={"metavar": "PATH"},
            ),
            Argument(
                names=("--label",),
                help="with --add: which label an output draws, where their names differ; may be "
                "given several times",
                options={
                    "metavar": "OUTPUT=LABEL",
                    "action": "append",
                    "default": [],
                    "dest": "labels",
                },
            ),
            Argument(
                names=("--set",),
                help="with --add: a field of its card that you know better; may be given several "
                "times",
                options={
                    "metavar": "KEY=VALUE",
                    "action": "append",
                    "default": [],
                    "dest": "settings",
                },
            ),
            Argument(
                names=("--accept-licence",),
                help="with --add: the licence was read and will be followed",
                options={"action": "store_true"},
            ),
            Argument(
                names=("--show",),
                help="tell all that is known of a model: its title, name or id",
                options={"metavar": "NAME"},
            ),
            Argument(
                names=("--remove",),
                help="take a network that was brought out of the project; its files stay",
                options={"metavar": "NAME"},
            ),
            Argument(
                names=("--curve",),
                help="with --show: write the curve of its training there as CSV instead",
                options={"metavar": "FILE"},
            ),
        ),
        example="annotator models lungs --add nodules.onnx --label 1=Nodule --accept-licence",
    ),
    Command(
        name="train",
        summary="train a model on the readings of the project",
        run="annotator.cli.training:train",
        arguments=(
            _PROJECT,
            Argument(
                names=("--trainer",),
                help="name of the trainer; `annotator plugins` lists them",
                options={"metavar": "NAME", "required": True},
            ),
            Argument(
                names=("--target",),
                help="what to aim at: `adjudicated` (what was signed off), `readings` (one a case "
                "is enough), or a fusion method, by which every case is fused first",
                options={"metavar": "TARGET"},
            ),
            Argument(
                names=("--group",),
                help="label group to learn from, by its name or that of one of its labels, where "
                "labels of several groups may share a voxel; the first if none is given",
                options={"metavar": "NAME"},
            ),
            Argument(
                names=("--curve",),
                help="write how it learned there as CSV: round, loss, measures, seconds",
                options={"metavar": "FILE"},
            ),
            _SET,
            _MODELS,
        ),
        example="annotator train lungs --trainer unet --target adjudicated",
    ),
    Command(
        name="evaluate",
        summary="judge a reader or a trained model case by case, by a reference",
        run="annotator.cli.evaluating:evaluate",
        arguments=(
            _PROJECT,
            Argument(
                names=("--model",),
                help="name of a rater: a model that has read cases, or a person",
                options={"metavar": "RATER"},
            ),
            Argument(
                names=("--fit",),
                help="instead: what `annotator train` trained, the first characters of its id; it "
                "reads what it has not read yet",
                options={"metavar": "ID"},
            ),
            Argument(
                names=("--against",),
                help="the reference: what was signed off (%(default)s), the truth of gold cases "
                "(gold), a rater or a fusion method",
                options={"metavar": "REFERENCE", "default": "adjudicated"},
            ),
            Argument(
                names=("--tolerance",),
                help="of the surface Dice, in mm (%(default)s)",
                options={"metavar": "MM", "type": float, "default": 2.0},
            ),
            Argument(
                names=("--with-learned",),
                help="count cases that the model learned from in the summary",
                options={"action": "store_true"},
            ),
        ),
        example="annotator evaluate lungs --fit 3fa2 --against adjudicated",
    ),
    Command(
        name="propagate",
        summary="draw on other cases what a person drew on one; a model's readings, to be checked",
        run="annotator.cli.propagating:propagate",
        arguments=(
            _PROJECT,
            _CASE,
            Argument(
                names=("--to",),
                help="ids or unique titles of the cases to draw on; every other case where it is "
                "not given",
                options={"metavar": "CASE", "nargs": "+"},
            ),
            Argument(
                names=("--rater",),
                help="whose reading is meant; what was signed off, or the only reading there is, "
                "where it is not given",
                options={"metavar": "NAME"},
            ),
            Argument(
                names=("--method",),
                help="name of the propagator (%(default)s); `annotator plugins` lists them",
                options={"metavar": "NAME", "default": "registration"},
            ),
            _SET,
        ),
        example='annotator propagate lungs "Chest 1" --to "Chest 2" "Chest 3"',
    ),
    Command(
        name="fuse",
        summary="fuse the readings of cases into one",
        run="annotator.cli.results:fuse",
        arguments=(
            _PROJECT,
            _CASES,
            Argument(
                names=("--method",),
                help="name of the fusion method (%(default)s); `annotator plugins` lists them",
                options={"metavar": "NAME", "default": "staple"},
            ),
            _SET,
            Argument(
                names=("--out",),
                help="write <case>_<method>_labels.nii.gz and …_probability.nii.gz there",
                options={"metavar": "DIR"},
            ),
            Argument(
                names=("--belief",),
                help="with --out: write how far each rater was believed, voxel by voxel, too",
                options={"action": "store_true"},
            ),
            _MODELS,
        ),
        example="annotator fuse lungs --method staple --out fused",
    ),
    Command(
        name="compare",
        summary="tell how well raters agree: overlap, distances in mm, diagnoses",
        run="annotator.cli.agreement:compare",
        arguments=(_PROJECT, _CASES, _MODELS),
        example="annotator compare lungs",
    ),
    Command(
        name="report",
        summary="write how well raters agree as one HTML file, to read, print and send",
        run="annotator.cli.reporting:report",
        arguments=(
            _PROJECT,
            _CASES,
            Argument(
                names=("--out",),
                help="the file to write (%(default)s); one that is there is replaced",
                options={"metavar": "FILE.html", "default": "agreement-report.html"},
            ),
            _MODELS,
        ),
        example="annotator report lungs --out agreement.html",
    ),
    Command(
        name="diagnoses",
        summary="make one diagnosis out of several people's; rank the disputed ones",
        run="annotator.cli.diagnosing:diagnoses",
        arguments=(
            _PROJECT,
            Argument(
                names=("--method",),
                help="majority, dawid-skene, glad or mace (%(default)s)",
                options={"metavar": "NAME", "default": "dawid-skene"},
            ),
            Argument(
                names=("--question",),
                help="key of a question with choices; every one where it is not given",
                options={"metavar": "KEY"},
            ),
        ),
        example="annotator diagnoses lungs --method glad",
    ),
    Command(
        name="findings",
        summary="rank cases by how much they are disputed, with the disputed regions",
        run="annotator.cli.results:findings",
        arguments=(_PROJECT, _CASES, _MODELS),
        example="annotator findings lungs",
    ),
    *MARK_COMMANDS,
    *QUALITY_COMMANDS,
    *CHECKING_TRACES_COMMANDS,
    *COMPARING_COMMANDS,
    *THRESHOLD_COMMANDS,
    *TRACING_COMMANDS,
    Command(
        name="export",
        summary="write masks or tables, each read back and compared",
        run="annotator.cli.results:export",
        arguments=(
            _PROJECT,
            Argument(names=("directory",), help="where to", options={"metavar": "DIR"}),
            Argument(
                names=("--format",),
                help="nifti, dicom-seg, ome-tiff, csv, json, or swc for tracings",
                options={"metavar": "NAME", "required": True},
            ),
        ),
        example="annotator export lungs out --format dicom-seg",
    ),
    Command(
        name="list",
        summary="list cases, raters and trained models",
        run="annotator.cli.projects:list_project",
        arguments=(_PROJECT,),
        example="annotator list lungs",
    ),
    Command(
        name="verify",
        summary="check the log and every stored mask against their hashes",
        run="annotator.cli.projects:verify",
        arguments=(
            _PROJECT,
            Argument(
                names=("--replay",),
                help="learn and fuse again by every recipe, and compare byte for byte",
                options={"action": "store_true"},
            ),
        ),
        example="annotator verify lungs",
    ),
    Command(
        name="plugins",
        summary="list readers, fusion methods, models and export formats",
        run="annotator.cli.program:plugins",
        example="annotator plugins",
    ),
    Command(
        name="worker",
        summary="work off the queued jobs of a project",
        run="annotator.cli.program:worker",
        arguments=(
            Argument(
                names=("project",),
                help="project directory or URL",
                options={"metavar": "URL"},
            ),
            Argument(
                names=("--watch",),
                help="wait for more jobs until it is stopped",
                options={"action": "store_true"},
            ),
        ),
        example="annotator worker lungs --watch",
    ),
)
