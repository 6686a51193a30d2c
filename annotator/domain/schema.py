"""What may be drawn and what is asked about a case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FieldKind = Literal["choice", "number", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A coded concept, for example ``SCT 39607008 Lung structure``."""

    scheme: str
    value: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One thing that is drawn: its mask value (1 to 65535), name, colour and codes."""

    value: int
    name: str
    color: str
    """``#rrggbb``."""
    required: bool = False
    """Whether a reading without this label needs an explicit confirmation."""
    category: Code | None = None
    code: Code | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisField:
    """One question of the diagnosis form.

    ``choices`` holds (key, title) pairs for a choice; ``minimum`` and ``maximum`` bound a number.
    """

    key: str
    title: str
    kind: FieldKind = "choice"
    choices: tuple[tuple[str, str], ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSchema:
    """Label values and diagnosis fields of a project. Value 0 is background and never listed."""

    name: str
    title: str
    labels: tuple[Label, ...]
    fields: tuple[DiagnosisField, ...] = ()
    windows: tuple[str, ...] = ()
    """Names of the window presets to offer first, for example ``("lung", "bone")``."""

    def label(self, value: int) -> Label | None:
        """Return the label of a mask value, or None where the schema has none."""
        return next((label for label in self.labels if label.value == value), None)

    def field(self, key: str) -> DiagnosisField | None:
        """Return the diagnosis field of that key, or None."""
        return next((entry for entry in self.fields if entry.key == key), None)

    @property
    def values(self) -> tuple[int, ...]:
        """Mask values, ascending."""
        return tuple(sorted(label.value for label in self.labels))
