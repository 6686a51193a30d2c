"""Commands that bring readings in: masks drawn elsewhere, predictions of models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.runs import decode
from annotator.api import PyramidVoxels
from annotator.cli.command import Result
from annotator.domain.errors import AnnotatorError, UnreadableError
from annotator.domain.label_groups import label_names
from annotator.domain.reading import Diagnosis
from annotator.jobs.importing import scan_files
from annotator.session.adding import drawn_only
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator.domain.geometry import Geometry
    from annotator.domain.schema import LabelSchema
    from annotator.registry import Registry


def add_reading(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Add a mask from a file, or one a label group, as a rater's reading of a case."""
    with Session.open(arguments.project) as session:
        case = session.store.case(arguments.case)
        rater = session.store.rater(arguments.rater)
        diagnosis = parse_diagnosis(arguments.diagnosis, session.project().schema)
        (mask, geometry), *others = [
            read_mask(session.registry, Path(path), progress) for path in arguments.mask
        ]
        try:
            annotation = session.add_reading(
                case.case_id,
                rater.rater_id,
                mask,
                geometry,
                diagnosis,
                others=others,
                resample=arguments.resample,
                extend=arguments.extend,
            )
        except AnnotatorError as error:
            given = ", ".join(arguments.mask)
            raise type(error)(f"{given}: {error}{_option_hint(str(error))}") from error
        kept = decode(session.store.annotation_mask(annotation.annotation_id))
        schema = session.project().schema
    n_voxels = int(np.count_nonzero(kept))
    shared = sorted(
        {value for part, _ in ((mask, geometry), *others) for value in np.unique(part).tolist()}
        & {entry.value for entry in schema.overlaps}
    )
    document = {
        "annotation": annotation.annotation_id,
        "case": case.case_id,
        "rater": rater.name,
        "revision": annotation.revision,
        "diagnosis": dict(diagnosis.answers),
        "n_voxels": n_voxels,
    }
    line = f"{rater.name} on {case.title}: revision {annotation.revision}, {n_voxels} voxels drawn."
    names = label_names(schema)
    taken = [f"Value {value} was taken for {names[value]}." for value in shared]
    return Result(document=document, lines=(line, *taken))


def _option_hint(message: str) -> str:
    if "resampling" in message:
        return " (--resample)"
    return " (--extend)" if "Extend the schema" in message else ""


def read_mask(registry: Registry, path: Path, progress: Progress) -> tuple[NDArray[Any], Geometry]:
    """Read a mask ``(z, y, x)`` and its grid from a file, through the readers of images.

    Raises AnnotatorError in words: the file may be missing, no image, several, or in colour.
    """
    if not path.is_file():
        raise AnnotatorError(f"there is no file {str(path)!r}")
    found, skipped = scan_files(registry.readers(), [path.absolute()], progress)
    if len(found) != 1:
        reason = skipped[0].reason if skipped else "it holds several images"
        raise UnreadableError(f"{path} cannot be read as a mask: {reason}")
    try:
        content = found[0].read(progress)
    except UnreadableError as error:
        raise UnreadableError(f"{path} cannot be read as a mask: {error}") from error
    series = content.series
    if isinstance(content.voxels, PyramidVoxels):
        if series.n_channels > 1 or (series.slope, series.intercept) != (1.0, 0.0):
            raise UnreadableError(f"{path} is a slide in colour; a mask has one value a voxel")
        return drawn_only(content.voxels, progress), series.geometry
    voxels = content.voxels
    if voxels.ndim == 4:
        first = voxels[..., 0]
        if not all(np.array_equal(first, voxels[..., at]) for at in range(1, voxels.shape[-1])):
            raise UnreadableError(f"{path} is a picture in colour; a mask has one value a voxel")
        voxels = first
    if (series.slope, series.intercept) != (1.0, 0.0):
        voxels = voxels * series.slope + series.intercept
    return voxels, series.geometry


def parse_diagnosis(given: Sequence[str], schema: LabelSchema) -> Diagnosis:
    """Return the answers in ``KEY=ANSWER`` words, or in answers that fit one question only."""
    answers: dict[str, str] = {}
    for word in given:
        key, equals, answer = word.partition("=")
        if not equals:
            key, answer = _question_of(word, schema), word
        if key in answers:
            raise AnnotatorError(f"the question {key!r} is answered twice")
        answers[key] = answer
    return Diagnosis(answers=tuple(answers.items()))


def _question_of(answer: str, schema: LabelSchema) -> str:
    if not schema.fields:
        raise AnnotatorError(f"the schema {schema.name!r} asks for no diagnosis")
    fitting = [
        entry.key for entry in schema.fields if answer in {choice for choice, _ in entry.choices}
    ]
    if len(fitting) == 1:
        return fitting[0]
    if len(schema.fields) == 1:
        return schema.fields[0].key
    keys = ", ".join(entry.key for entry in schema.fields)
    raise AnnotatorError(
        f"which question does {answer!r} answer? Write KEY={answer}; the questions are: {keys}"
    )


def predict(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Let a model read cases; fails where it fits none."""
    if sum(map(bool, (arguments.model, arguments.fit, arguments.network))) != 1:
        raise AnnotatorError(
            "predict needs --model NAME, --fit ID or --network NAME: a model that comes with a "
            "plugin, what `annotator train` trained, or a network that was brought"
        )
    if arguments.network:
        from annotator.cli.network_reading import predict_by_network

        return predict_by_network(arguments, progress)
    if arguments.fit is not None:
        from annotator.cli.training import predict_by_fit

        if arguments.settings:
            raise AnnotatorError(
                "--set is for --model; a trained model was set when it was trained"
            )
        return predict_by_fit(arguments, progress)
    if arguments.trust:
        raise AnnotatorError("--trust is for --fit; a plugin's model knows no raters")
    settings = parse_settings(arguments.settings)
    with Session.open(arguments.project) as session:
        made = session.predict(
            arguments.model, arguments.cases or None, parameters=settings, progress=progress
        )
        titles = {case.case_id: case.title for case in session.cases()}
    lines = [f"{titles[entry['case']]}: read" for entry in made["annotations"]]
    lines += [f"{titles[entry['case']]}: skipped: {entry['reason']}" for entry in made["skipped"]]
    document = {"model": arguments.model, **made}
    return Result(document=document, lines=tuple(lines), error=nothing_done("read", made))


def nothing_done(verb: str, made: Mapping[str, Any]) -> str:
    """Say why nothing was done, where nothing was; an empty text otherwise."""
    done = [entry for key, entries in made.items() if key != "skipped" for entry in entries]
    if done:
        return ""
    skipped = made["skipped"]
    reason = f": {skipped[0]['reason']}" if skipped else ": the project has no cases"
    return f"no case could be {verb}{reason}"


def parse_settings(given: Sequence[str]) -> dict[str, object]:
    """Return ``KEY=VALUE`` words as parameters; a value is JSON where it can be, else a text."""
    settings: dict[str, object] = {}
    for word in given:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise AnnotatorError(f"--set needs KEY=VALUE, not {word!r}")
        try:
            settings[key] = json.loads(value)
        except ValueError:
            settings[key] = value
    return settings
