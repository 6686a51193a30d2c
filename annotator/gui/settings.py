"""What a person set and we remember between starts; can never stop the start."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import platformdirs

if TYPE_CHECKING:
    from collections.abc import Callable

FORMAT_VERSION = 1
MAX_RECENT = 10


@dataclass(slots=True, kw_only=True)
class Settings:
    """Settings of this person on this machine; every field has a safe default."""

    theme: Literal["dark", "light"] = "dark"
    font_scale: float = 1.0
    recent: tuple[str, ...] = ()
    brush_mm: float = 6.0
    brush_px: float = 24.0
    brush_follows_zoom: bool = False
    tool_options: dict[str, dict[str, float | str | bool]] = field(default_factory=dict)
    mask_opacity: float = 0.55
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Keys that the person chose: key of an action → key sequences."""

    def remember(self, location: str) -> None:
        """Put a project at the front of the recent ones."""
        others = tuple(entry for entry in self.recent if entry != location)
        self.recent = (location, *others)[:MAX_RECENT]

    def forget(self, location: str) -> None:
        """Drop a project from the recent ones; its files stay."""
        self.recent = tuple(entry for entry in self.recent if entry != location)


def settings_path() -> Path:
    """Return where settings are kept; ``ANNOTATOR_SETTINGS`` names another file."""
    named = os.environ.get("ANNOTATOR_SETTINGS")
    if named:
        return Path(named)
    return Path(platformdirs.user_config_dir("annotator", appauthor=False)) / "settings.json"


def load(path: Path | None = None) -> tuple[Settings, str | None]:
    """Return the saved settings and, where the file could not be used, why.

    A file that cannot be used is kept beside as ``settings.json.broken``; single wrong values fall
    back to their defaults. Must not raise.
    """
    place = path or settings_path()
    try:
        kept = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings(), None
    except (OSError, ValueError) as error:
        return Settings(), _set_aside(place, str(error))
    if not isinstance(kept, dict):
        return Settings(), _set_aside(place, "it does not hold named values")
    version = kept.get("version", 1)
    if not isinstance(version, int) or version > FORMAT_VERSION:
        return Settings(), _set_aside(place, "a newer version of the program wrote it")
    settings, wrong = Settings(), []
    for name, check in _CHECKS.items():
        if name in kept:
            try:
                setattr(settings, name, check(kept[name]))
            except ValueError:
                wrong.append(name)
    if wrong:
        return settings, (
            "These settings were not understood and are back to their defaults: "
            f"{', '.join(sorted(wrong))}."
        )
    return settings, None


def save(settings: Settings, path: Path | None = None) -> str | None:
    """Write the settings whole or not at all; return why in words where that failed."""
    place = path or settings_path()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".settings-")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump({"version": FORMAT_VERSION, **asdict(settings)}, stream, indent=2)
        Path(name).replace(place)
    except OSError as error:
        return f"The settings could not be saved: {error.strerror or error}."
    return None


def _set_aside(place: Path, reason: str) -> str:
    with suppress(OSError):
        place.replace(place.with_name(place.name + ".broken"))
    return f"The settings file could not be used ({reason}); the defaults are in place."


def _one_of(*known: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:  # noqa: ANN401 - whatever the file holds
        if value not in known:
            raise ValueError(value)
        return str(value)

    return check


def _between(low: float, high: float) -> Callable[[Any], float]:
    def check(value: Any) -> float:  # noqa: ANN401 - whatever the file holds
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise ValueError(value)  # noqa: TRY004 - a wrong value of a file, like the others
        if not low <= value <= high:
            raise ValueError(value)
        return float(value)

    return check


def _words(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - whatever the file holds
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise ValueError(value)
    return tuple(value[:MAX_RECENT])


def _keys(value: Any) -> dict[str, tuple[str, ...]]:  # noqa: ANN401 - whatever the file holds
    if not isinstance(value, dict):
        raise ValueError(value)  # noqa: TRY004 - a wrong value of a file, like the others
    return {name: _words(keys) for name, keys in value.items()}


def _switch(value: Any) -> bool:  # noqa: ANN401 - whatever the file holds
    if not isinstance(value, bool):
        raise ValueError(value)  # noqa: TRY004 - a wrong value of a file, like the others
    return value


def _options(value: Any) -> dict[str, dict[str, float | str | bool]]:  # noqa: ANN401 - as above
    if not isinstance(value, dict):
        raise ValueError(value)  # noqa: TRY004 - as above
    for chosen in value.values():
        if not isinstance(chosen, dict) or not all(
            isinstance(one, (bool, float, int, str)) for one in chosen.values()
        ):
            raise ValueError(chosen)
    return value


_CHECKS: dict[str, Callable[[Any], object]] = {
    "theme": _one_of("dark", "light"),
    "font_scale": _between(0.8, 1.6),
    "recent": _words,
    "brush_mm": _between(0.1, 200.0),
    "brush_px": _between(1.0, 1000.0),
    "brush_follows_zoom": _switch,
    "tool_options": _options,
    "mask_opacity": _between(0.0, 1.0),
    "keys": _keys,
}
"""Field → what it may be. Checked by hand: pydantic takes a tenth of the time that a start has."""
