"""Cards of networks out of what files and people say, checked in words."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from annotator.api.networks import NetworkCard
from annotator.domain.errors import AnnotatorError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 20_000
"""Characters of a text on a card; licences are shown whole up to here."""
_AXES = {"x": "RL", "y": "AP", "z": "SI"}


def card_from(values: Mapping[str, Any], *, what: str) -> NetworkCard:
    """Return the card that plain values give: texts, numbers, lists, as JSON has them.

    ``labels`` may be an object too, ``{"1": "Tumour"}``. ``what`` is what errors call the source.
    Raises AnnotatorError naming the field that is wrong, UnknownNameError for one that cards lack.
    """
    known = [entry.name for entry in fields(NetworkCard)]
    for name in values:
        if name not in known:
            raise UnknownNameError(f"field of a card (in {what})", name, known)
    try:
        text = json.dumps({**values, "labels": _pairs(values.get("labels", []))}, allow_nan=False)
        card = TypeAdapter(NetworkCard).validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise AnnotatorError(f"{what}: {where}: {first['msg']}") from error
    except (TypeError, ValueError) as error:
        raise AnnotatorError(f"{what} holds what JSON cannot: {error}") from error
    problem = problem_of(card)
    if problem:
        raise AnnotatorError(f"{what}: {problem}")
    return card


def _pairs(labels: Any) -> Any:  # noqa: ANN401 - whatever a file holds
    if not isinstance(labels, dict):
        return labels
    return [[int(key) if str(key).isdecimal() else key, name] for key, name in labels.items()]


def problem_of(card: NetworkCard) -> str:
    """Say what on a card cannot be, or return an empty text."""
    checks = (_of_texts, _of_channels, _of_windows, _of_orientation, _of_intensity)
    return next((problem for check in checks if (problem := check(card))), "")


def _of_texts(card: NetworkCard) -> str:
    if not card.title.strip():
        return "title is empty; a model needs a name"
    for name in ("title", "trained_on", "source", "licence", "intended_use", "limits"):
        length = len(getattr(card, name))
        allowed = 100 if name == "title" else _LONGEST
        if length > allowed:
            return f"{name} has {length} characters; up to {allowed} are allowed"
    return ""


def _of_channels(card: NetworkCard) -> str:
    if not 1 <= card.n_channels <= 1024:
        return f"n_channels is {card.n_channels}; 1 to 1024 are possible"
    channels = [channel for channel, _ in card.labels]
    if len(set(channels)) != len(channels) or any(not 0 <= one < 4096 for one in channels):
        return f"labels name the output channels {channels}; each must be named once, from 0"
    if any(not name.strip() for _, name in card.labels):
        return "labels has an empty name"
    return ""


def _of_windows(card: NetworkCard) -> str:
    spacing = [one for one in card.spacing_mm or () if one is not None]
    if any(not (math.isfinite(one) and 0 < one < 1000) for one in spacing):
        return f"spacing_mm is {card.spacing_mm}; millimetres above 0 are needed"
    if card.spacing_mm is not None and (card.spacing_mm[0] is None) != (card.n_dims == 2):
        return (
            f"spacing_mm is {card.spacing_mm}; z has one where n_dims is 3, and none where it is 2"
        )
    if not 1 <= card.multiple <= 1024:
        return f"multiple is {card.multiple}; 1 to 1024 are possible"
    if card.patch is not None:
        if len(card.patch) != card.n_dims or any(not 1 <= side <= 8192 for side in card.patch):
            return f"patch is {card.patch}; {card.n_dims} sides, each 1 to 8192, are needed"
        if any(side % card.multiple for side in card.patch):
            return f"patch is {card.patch}; each side must be a multiple of {card.multiple}"
    if not 0 <= card.overlap <= 0.95:
        return f"overlap is {card.overlap}; 0 to 0.95 are possible"
    allowed = "xyz"[: card.n_dims]
    if len(set(card.flips)) != len(card.flips) or any(
        axis not in allowed or len(axis) != 1 for axis in card.flips
    ):
        return f"flips is {card.flips}; axes of {', '.join(allowed)}, each once, are possible"
    return ""


def _of_orientation(card: NetworkCard) -> str:
    given = card.orientation
    if given is None:
        return ""
    if len(given) != 3 or any(
        letter not in allowed for letter, allowed in zip(given, _AXES.values(), strict=True)
    ):
        return f"orientation is {given!r}; R or L, A or P, and S or I are needed, as in RAS"
    return ""


def _of_intensity(card: NetworkCard) -> str:
    told = card.intensity
    numbers = (told.low, told.high, told.mean, told.deviation, *(told.clip or ()))
    if any(one is not None and not math.isfinite(one) for one in numbers):
        return "intensity has a number that is not finite"
    if told.scaling in ("range", "percentiles") and not told.low < told.high:
        return f"intensity goes from {told.low} to {told.high}; low must lie below high"
    if told.scaling == "percentiles" and not 0 <= told.low < told.high <= 100:
        return f"intensity has percentiles {told.low} and {told.high}; 0 to 100 are possible"
    if told.deviation is not None and told.deviation <= 0:
        return f"intensity has a deviation of {told.deviation}; it must be above 0"
    if told.clip is not None and not told.clip[0] < told.clip[1]:
        return f"intensity clips to {told.clip}; the first must lie below the second"
    return ""
