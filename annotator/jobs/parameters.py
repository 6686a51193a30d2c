"""Parameters of a method: checked in words, and as they are kept in a recipe."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import BaseModel

    from annotator.domain.reading import Rater
    from annotator.domain.schema import LabelSchema

_LABEL = re.compile(r"\b[Ll]abel (\d+)\b")


def check_parameters(name: str, model: type[BaseModel], given: Mapping[str, object]) -> BaseModel:
    """Return the parameters of a method as its own type; raises AnnotatorError in words."""
    allowed = sorted(model.model_fields)
    for key in given:
        if key not in allowed:
            close = get_close_matches(key, allowed, n=1, cutoff=0.5)
            hint = f"; did you mean {close[0]!r}?" if close else ";"
            listed = ", ".join(allowed) or "none"
            raise AnnotatorError(f"{name} has no parameter {key!r}{hint} it takes: {listed}")
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        words = "; ".join(
            f"{'.'.join(str(part) for part in entry['loc'])}: {entry['msg']}"
            for entry in error.errors()
        )
        raise AnnotatorError(f"{name} cannot work with these parameters: {words}") from None


def by_rater_id(given: Mapping[str, object], raters: Iterable[Rater]) -> dict[str, object]:
    """Return parameters in which what is given by rater's name is given by rater's id."""
    ids = {rater.name: rater.rater_id for rater in raters}
    return {
        key: {ids.get(name, name): one for name, one in value.items()}
        if isinstance(value, dict)
        else value
        for key, value in given.items()
    }


def with_names(sentences: Iterable[str], raters: Iterable[Rater]) -> tuple[str, ...]:
    """Return what a method says with the names of raters for their ids: it knows only these."""
    names = [(rater.rater_id, rater.name) for rater in raters]

    def named(sentence: str) -> str:
        for rater_id, name in names:
            sentence = sentence.replace(rater_id, name)
        return sentence

    return tuple(map(named, sentences))


def with_labels(sentences: Iterable[str], schema: LabelSchema) -> tuple[str, ...]:
    """Return what a method says with the names of labels for ``label 3``: it knows only values."""

    def name(found: re.Match[str]) -> str:
        label = schema.label(int(found[1]))
        return label.name if label else found[0]

    return tuple(_LABEL.sub(name, sentence) for sentence in sentences)


def sorted_json(parameters: BaseModel) -> tuple[tuple[str, str], ...]:
    """Return parameters as (name, JSON value) pairs, sorted by name."""
    content: dict[str, Any] = parameters.model_dump(mode="json")
    return tuple(
        (name, json.dumps(content[name], sort_keys=True, separators=(",", ":")))
        for name in sorted(content)
    )
