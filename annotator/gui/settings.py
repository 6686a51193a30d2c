"""What a person set and we remember between starts; can never stop the start."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

FORMAT_VERSION = 1
MAX_RECENT = 10


class Settings(BaseModel):
    """Settings of this person on this machine; every field has a safe default."""

    model_config = ConfigDict(extra="ignore", validate_assignment=True)

    version: int = FORMAT_VERSION
    theme: Literal["dark", "light"] = "dark"
    font_scale: float = Field(default=1.0, ge=0.8, le=1.6)
    recent: tuple[str, ...] = ()
    brush_mm: float = Field(default=6.0, ge=0.1, le=200.0)
    mask_opacity: float = Field(default=0.55, ge=0.0, le=1.0)

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
    if not isinstance(kept.get("version", 1), int) or kept.get("version", 1) > FORMAT_VERSION:
        return Settings(), _set_aside(place, "a newer version of the program wrote it")
    try:
        return Settings.model_validate(kept), None
    except ValidationError as error:
        wrong = {str(entry["loc"][0]) for entry in error.errors()}
        rest = {key: value for key, value in kept.items() if key not in wrong}
        with suppress(ValidationError):
            return Settings.model_validate(rest), (
                f"These settings were not understood and are back to their defaults: "
                f"{', '.join(sorted(wrong))}."
            )
        return Settings(), _set_aside(place, "its values were not understood")


def save(settings: Settings, path: Path | None = None) -> str | None:
    """Write the settings whole or not at all; return why in words where that failed."""
    place = path or settings_path()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".settings-")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(settings.model_dump_json(indent=2))
        Path(name).replace(place)
    except OSError as error:
        return f"The settings could not be saved: {error.strerror or error}."
    return None


def _set_aside(place: Path, reason: str) -> str:
    with suppress(OSError):
        place.replace(place.with_name(place.name + ".broken"))
    return f"The settings file could not be used ({reason}); the defaults are in place."
