"""The command that points: a prompt model draws into a rater's draft."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.api import Prompt, PyramidVoxels
from annotator.cli.command import Result
from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.domain.label_groups import MaskValues
from annotator.drawing.label_layers import LabelLayers, Layer
from annotator.drawing.proposal import Proposal
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    import numpy as np

    from annotator.api import Progress, PromptAnswer, PromptKind
    from annotator.domain.schema import LabelSchema
    from annotator.session.open_case import OpenCase
    from annotator.session.prompts import PromptOption
    from annotator.session.rater_room import RaterRoom

    Voxel = tuple[int, int, int]


def prompt(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Draw what is pointed at as one step of a rater's draft, which can be undone."""
    with Session.open(arguments.project) as session:
        case = session.store.case(arguments.case)
        rater = session.store.rater(arguments.rater)
        room = session.rater_room(rater.rater_id)
        opened = room.open_case(case.case_id)
        try:
            option = _option(room.prompt_models(case.case_id), arguments.model)
            value = _label(opened.schema, arguments.label)
            prompts = _prompts(arguments, opened.series.geometry.shape)
            answer = _ask(room, opened, option.name, prompts, progress)
            mask = opened.drawing.mask
            layer = _layer(opened.schema, value, mask.dtype)
            edit = Proposal(mask, value=value, layer=layer).show(answer.box, answer.mask)
            if edit is not None:
                opened.drawing.record(Proposal.name, edit)
        finally:
            opened.close()
    n_voxels = int(answer.mask.sum())
    document = {
        "case": case.case_id,
        "rater": rater.name,
        "model": option.name,
        "licence": option.licence,
        "label": value,
        "n_voxels": n_voxels,
        "changed": edit is not None,
    }
    line = f"{option.title} drew {n_voxels} voxels on {case.title} into {rater.name}'s draft."
    return Result(document=document, lines=(line,))


def _ask(
    room: RaterRoom,
    opened: OpenCase,
    model: str,
    prompts: tuple[Prompt, ...],
    progress: Progress,
) -> PromptAnswer:
    if isinstance(opened.voxels, PyramidVoxels):
        raise AnnotatorError(f"{opened.case.title} is a slide: models look at whole images")
    with room.prompt_desk(model, progress) as desk:
        desk.take_in(opened.voxels, opened.series)
        answer = desk.answer(prompts)
    if answer is None:  # nobody else asks here
        raise AnnotatorError("the prompt model gave no answer")
    return answer


def _option(options: Sequence[PromptOption], name: str) -> PromptOption:
    found = next((option for option in options if option.name == name), None)
    if found is None:
        raise UnknownNameError("prompt model", name, [option.name for option in options])
    if found.refusal is not None:
        raise AnnotatorError(f"{found.title} cannot be used here: {found.refusal}")
    return found


def _label(schema: LabelSchema, given: str | None) -> int:
    """Return the value of a label by name or value; the first one where none is given."""
    if given is None:
        return schema.labels[0].value
    for label in schema.labels:
        if given in (label.name, str(label.value)):
            return label.value
    raise UnknownNameError("label", given, [label.name for label in schema.labels])


def _layer(schema: LabelSchema, value: int, dtype: np.dtype[np.unsignedinteger]) -> Layer | None:
    """Return the label group of a label, where labels of several may share a voxel."""
    values = MaskValues(schema)
    if not values.may_overlap:
        return None
    return Layer(LabelLayers(values, dtype), values.group_of(value))


def _prompts(arguments: argparse.Namespace, shape: tuple[int, int, int]) -> tuple[Prompt, ...]:
    found: list[Prompt] = []
    wanted: tuple[tuple[PromptKind, bool, list[str]], ...] = (
        ("box", True, arguments.boxes),
        ("click", True, arguments.clicks),
        ("click", False, arguments.negatives),
    )
    for kind, is_positive, words in wanted:
        for word in words:
            voxels = _voxels(word, 2 if kind == "box" else 1, shape)
            plane = 0
            if kind == "box":
                flat = [a for a in range(3) if voxels[0][a] == voxels[1][a]]
                if not flat:
                    raise AnnotatorError(f"--box {word} lies on no slice: make z, y or x equal")
                plane = flat[0]
            found.append(Prompt(kind=kind, is_positive=is_positive, voxels=voxels, plane=plane))
    if not found:
        raise AnnotatorError("nothing to go by: give --click Z,Y,X or --box Z,Y,X,Z,Y,X")
    return tuple(found)


def _voxels(word: str, n_voxels: int, shape: tuple[int, int, int]) -> tuple[Voxel, ...]:
    """Return the voxels in ``Z,Y,X`` words, counted from 0, all inside the image."""
    try:
        numbers = [int(part) for part in word.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 3 * n_voxels:
        form = ",".join(["Z,Y,X"] * n_voxels)
        raise AnnotatorError(f"{word!r} is no place: {form} in whole voxels from 0 is asked for")
    found = [(z, y, x) for z, y, x in zip(*[iter(numbers)] * 3, strict=True)]
    for place in found:
        if not all(0 <= at < size for at, size in zip(place, shape, strict=True)):
            raise AnnotatorError(f"{word} lies outside the image of (z, y, x) {shape} voxels")
    return tuple(found)
