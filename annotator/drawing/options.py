"""What can be set of a tool or an operation, declared so that a form can be made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.domain.errors import AnnotatorError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Chosen = float | str | bool
"""What an option is set to."""


OnlyWith = tuple[str, tuple[str, ...]]
"""The key of a choice, and those of its names with which an option means something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberOption:
    """A number between two others, in a unit that is shown beside it."""

    key: str
    title: str
    tooltip: str
    default: float
    minimum: float
    maximum: float
    unit: str = ""
    is_whole: bool = False
    only_with: OnlyWith | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceOption:
    """One of several names; ``choices`` holds (stable name, title) pairs."""

    key: str
    title: str
    tooltip: str
    default: str
    choices: tuple[tuple[str, str], ...]
    only_with: OnlyWith | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchOption:
    """On or off."""

    key: str
    title: str
    tooltip: str
    default: bool = False
    only_with: OnlyWith | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelOption:
    """A label of the schema other than the one that is drawn; 0 where none is chosen."""

    key: str
    title: str
    tooltip: str
    default: int = 0
    only_with: OnlyWith | None = None


Option = NumberOption | ChoiceOption | SwitchOption | LabelOption


def is_asked(option: Option, chosen: Mapping[str, Chosen]) -> bool:
    """Whether an option means something beside what the others are set to."""
    if option.only_with is None:
        return True
    key, names = option.only_with
    return chosen[key] in names


def with_defaults(options: Sequence[Option], chosen: Mapping[str, Chosen]) -> dict[str, Chosen]:
    """Return what each option is set to; what is not chosen has its default.

    Raises UnknownNameError for a key or choice that there is not, AnnotatorError for a number
    out of its range and for what is no number, switch or label.
    """
    table = {option.key: option for option in options}
    for key, value in chosen.items():
        if key not in table:
            raise UnknownNameError("option", key, table)
        option = table[key]
        if isinstance(option, ChoiceOption) and value not in dict(option.choices):
            raise UnknownNameError(option.title.lower(), str(value), dict(option.choices))
        if not isinstance(option, ChoiceOption) and not _fits(option, value):
            raise AnnotatorError(f"{option.title} is {value!r}; it must be {_wanted(option)}")
    return {key: chosen.get(key, option.default) for key, option in table.items()}


def _fits(option: NumberOption | SwitchOption | LabelOption, value: Chosen) -> bool:
    if isinstance(option, SwitchOption) or isinstance(value, bool | str):
        return isinstance(option, SwitchOption) and isinstance(value, bool)
    is_whole = float(value).is_integer()
    if isinstance(option, LabelOption):
        return is_whole and value >= 0
    return option.minimum <= value <= option.maximum and (is_whole or not option.is_whole)


def _wanted(option: Option) -> str:
    """Say what an option can be set to."""
    if isinstance(option, NumberOption):
        unit = f" {option.unit}" if option.unit else ""
        kind = "a whole number" if option.is_whole else "a number"
        return f"{kind} from {option.minimum:g} to {option.maximum:g}{unit}"
    return "on or off" if isinstance(option, SwitchOption) else "a label, 0 for none"
