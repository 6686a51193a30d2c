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
    group: str = ""
    """Labels of one group exclude each other; labels of different groups may share a voxel."""
    category: Code | None = None
    code: Code | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """A mask value that stands for several labels in one voxel.

    ``labels`` are their values, ascending, at least two, each of another group. Values are given
    once and never again: a label that is added later leaves the masks that exist as they are.
    """

    value: int
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmark:
    """A place that every rater is asked for by name, for example the tip of the scleral spur."""

    key: str
    title: str
    required: bool = False
    """Whether a reading without it needs an explicit confirmation."""


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
    overlaps: tuple[Overlap, ...] = ()
    """Mask values of labels that share a voxel; see `label_groups`."""
    landmarks: tuple[Landmark, ...] = ()

    def label(self, value: int) -> Label | None:
        """Return the label of a mask value, or None where the schema has none."""
        return next((label for label in self.labels if label.value == value), None)

    def field(self, key: str) -> DiagnosisField | None:
        """Return the diagnosis field of that key, or None."""
        return next((entry for entry in self.fields if entry.key == key), None)

    def landmark(self, key: str) -> Landmark | None:
        """Return the landmark of that key, or None."""
        return next((entry for entry in self.landmarks if entry.key == key), None)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the label groups, in the order in which labels name them."""
        return tuple(dict.fromkeys(label.group for label in self.labels))

    @property
    def values(self) -> tuple[int, ...]:
        """Values of the labels, ascending; those of overlaps are not among them."""
        return tuple(sorted(label.value for label in self.labels))

    @property
    def highest_value(self) -> int:
        """The highest value that a mask may hold; 0 where nothing can be drawn."""
        return max((*self.values, *(entry.value for entry in self.overlaps)), default=0)
