"""Which answers of a diagnosis form are higher than others, by what their keys say."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NO = frozenset({"no", "false", "absent", "negative", "normal"})
YES = frozenset({"yes", "true", "present", "positive", "abnormal"})
BETWEEN = frozenset({"unsure", "unknown", "possible", "equivocal"})


def has_order(keys: Sequence[str]) -> bool:
    """Whether answers run from lower to higher: numbers, or no, perhaps unsure, yes."""
    words = [key.lower() for key in keys]
    if all(_is_number(word) for word in words):
        return len(words) > 1
    known = all(word in NO | YES | BETWEEN for word in words)
    return known and not NO.isdisjoint(words) and not YES.isdisjoint(words)


def in_order(keys: Sequence[str]) -> tuple[str, ...]:
    """Return answers in ascending order where they have one, else as they stand."""
    if not has_order(keys):
        return tuple(keys)
    return tuple(sorted(keys, key=lambda key: _rank(key.lower())))


def _rank(word: str) -> float:
    if _is_number(word):
        return float(word)
    return 0.0 if word in NO else 2.0 if word in YES else 1.0


def _is_number(word: str) -> bool:
    return word.lstrip("-").replace(".", "", 1).isdecimal()
