"""Which prompt models a person may point with, and why not the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.jobs.prompting import PromptDesk

if TYPE_CHECKING:
    from annotator.api import PromptKind
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Series
    from annotator.registry import Registry

__all__ = ["PromptDesk", "PromptOption", "prompt_options"]

FIRST = ("edges", "edges-slice")
"""Need no weights, and are offered before the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptOption:
    """A prompt model to choose; ``refusal`` says why it cannot be used here, in words."""

    name: str
    title: str
    licence: str
    limits: str
    kinds: frozenset[PromptKind]
    is_3d: bool
    refusal: str | None

    @property
    def is_learned(self) -> bool:
        """Whether somebody trained it: it may know how others draw."""
        return self.name not in FIRST


def prompt_options(
    registry: Registry, series: Series, schema: LabelSchema
) -> tuple[PromptOption, ...]:
    """Return all prompt models, those that need no weights first."""
    found = [
        PromptOption(
            name=model.name,
            title=model.card.title,
            licence=model.card.licence,
            limits=model.card.limits,
            kinds=model.kinds,
            is_3d=model.is_3d,
            refusal=model.refuses(series, schema),
        )
        for model in registry.prompt_models()
    ]
    return tuple(sorted(found, key=lambda one: (one.is_learned, one.name)))
