"""Facts of the domain as JSON text, and back."""

from __future__ import annotations

import hashlib
import json
import types
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from annotator.domain.geometry import Geometry
from annotator.domain.reading import Box, Diagnosis
from annotator.domain.tracing import TraceChoice, TraceFinding

if TYPE_CHECKING:
    from collections.abc import Sequence

Fact = TypeVar("Fact")

_NAMES = {
    "Geometry": Geometry,
    "Box": Box,
    "Diagnosis": Diagnosis,
    "TraceChoice": TraceChoice,
    "TraceFinding": TraceFinding,
}
"""Types that domain modules import for the type checker only."""


def canonical(value: object) -> str:
    """Return a JSON text that is the same for the same value: keys sorted, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: object) -> str:
    """Return the SHA-256 of the canonical JSON of a value, as hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def to_json(fact: object) -> str:
    """Return a frozen dataclass of the domain as canonical JSON."""
    return canonical(asdict(fact))  # type: ignore[call-overload]


def from_json(kind: type[Fact], text: str) -> Fact:
    """Return the fact that `to_json` wrote; fields that the text lacks take their default."""
    fact: Fact = _build(kind, json.loads(text))
    return fact


def list_to_json(facts: Sequence[object]) -> str:
    """Return several facts as one canonical JSON list."""
    return canonical([asdict(fact) for fact in facts])  # type: ignore[call-overload]


def list_from_json(kind: type[Fact], text: str) -> tuple[Fact, ...]:
    """Return the facts that `list_to_json` wrote."""
    return tuple(_build(kind, value) for value in json.loads(text))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, localns=_NAMES)


def _build(kind: Any, value: Any) -> Any:  # noqa: ANN401 - follows whatever the annotation says
    if is_dataclass(kind):
        hints = _hints(kind)  # type: ignore[arg-type]
        known = {
            entry.name: _build(hints[entry.name], value[entry.name])
            for entry in fields(kind)
            if entry.name in value
        }
        return kind(**known)  # type: ignore[operator]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        inner = next(argument for argument in arguments if argument is not type(None))
        return None if value is None else _build(inner, value)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_build(arguments[0], item) for item in value)
        return tuple(_build(part, item) for part, item in zip(arguments, value, strict=True))
    return float(value) if kind is float else value
