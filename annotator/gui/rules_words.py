"""Masking rules in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annotator.domain.schema import LabelSchema
    from annotator.drawing.rules import Area, MaskingRules, Overwrite

AREAS: tuple[tuple[Area, str], ...] = (
    ("everywhere", "Everywhere"),
    ("inside labels", "Inside all labels"),
    ("inside visible", "Inside visible labels"),
    ("outside labels", "Outside all labels"),
    ("outside visible", "Outside visible labels"),
)
OVERWRITES: tuple[tuple[Overwrite, str], ...] = (
    ("all", "Any other label"),
    ("visible", "Visible labels only"),
    ("none", "No other label"),
)
_KEPT = {"visible": "hidden labels are kept", "none": "no label is drawn over"}


def rules_words(rules: MaskingRules, schema: LabelSchema, unit: str) -> str:
    """Return what binds the tools, ``Only inside Liver · −50…150 HU``; empty where nothing does."""
    parts = []
    if rules.area == "inside one":
        label = schema.label(rules.area_label)
        parts.append(f"inside {label.name if label is not None else rules.area_label}")
    elif rules.area != "everywhere":
        parts.append(dict(AREAS)[rules.area][:1].lower() + dict(AREAS)[rules.area][1:])
    if rules.regions:
        parts.append("in the framed region" if len(rules.regions) == 1 else "in framed regions")
    if rules.intensity is not None:
        low, high = (f"{value:g}".replace("-", "\u2212") for value in rules.intensity)
        parts.append(f"{low}…{high} {unit}".rstrip())
    words = f"Only {' · '.join(parts)}" if parts else ""
    others = [_KEPT[rules.overwrite]] if rules.overwrite != "all" else []
    names = [label.name for label in schema.labels if label.value in rules.locked]
    others += [f"{_listed(names)} locked"] if names else []
    joined = " · ".join(others)
    if words and joined:
        return f"{words} · {joined}"
    return words or joined[:1].upper() + joined[1:]


def _listed(names: list[str]) -> str:
    return ", ".join(names) if len(names) < 3 else f"{len(names)} labels"
