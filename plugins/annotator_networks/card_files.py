"""Cards beside networks: small JSON files for formats that do not say what they take in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from annotator.api.network_cards import card_from
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from pathlib import Path

    from annotator.api import NetworkCard

_MOST_BYTES = 1 << 20
_EXAMPLE = (
    '{"title": "Liver tumours", "n_dims": 3, "n_channels": 1, "labels": {"1": "Liver", '
    '"2": "Tumour"}, "spacing_mm": [2.5, 1.0, 1.0], "patch": [96, 96, 96], '
    '"intensity": {"scaling": "range", "low": -200, "high": 250}, "licence": "…"}'
)


def card_path(path: Path) -> Path:
    """Return where the card of a file stands: the same name, ending in ``.json``."""
    return path.with_suffix(".json")


def with_card(path: Path) -> tuple[Path, ...]:
    """Return a file and, where there is one, its card: what a network of one file is made of."""
    card = card_path(path)
    return tuple(sorted((path, card) if card.is_file() else (path,)))


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; raises AnnotatorError in words."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise AnnotatorError(f"{path.name} is refused: such a file is never larger than 1 MB")
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise AnnotatorError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise AnnotatorError(f"{path.name} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise AnnotatorError(f"{path.name} holds a {type(found).__name__}; an object is needed")
    return found


def read_card(path: Path, *, besides: tuple[str, ...] = ()) -> tuple[NetworkCard, dict[str, Any]]:
    """Return the card of a file, and those of the keys ``besides`` that it has.

    Raises AnnotatorError, with a card to copy, where there is none.
    """
    place = card_path(path)
    if not place.is_file():
        raise AnnotatorError(
            f"{path.name} does not say what it takes in and gives out. Put a card beside it, "
            f"named {place.name}, for example: {_EXAMPLE}"
        )
    found = read_json(place)
    taken = {key: found.pop(key) for key in besides if key in found}
    return card_from(found, what=place.name), taken
