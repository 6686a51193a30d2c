"""Entry points become named plugins: loaded on first use; a broken one is listed, never fatal."""

from __future__ import annotations

import threading
from collections import defaultdict
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from annotator.api import AnyFusionMethod, Plugin
from annotator.domain.errors import AnnotatorError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from annotator.api import (
        ContourDetector,
        MaskWriter,
        Model,
        NetworkFormat,
        PromptModel,
        Propagator,
        Pyramid,
        SlideReader,
        StudyReader,
        TraceDetector,
        Trainer,
    )

GROUP = "annotator.plugins"
Door = Literal[
    "readers",
    "fusion_methods",
    "trainers",
    "models",
    "network_formats",
    "prompt_models",
    "propagators",
    "trace_detectors",
    "contour_detectors",
    "mask_writers",
]

_NEEDED: dict[Door, tuple[str, ...]] = {
    "readers": ("name", "scan"),
    "fusion_methods": ("name", "title", "version", "parameters"),
    "trainers": (
        "name",
        "title",
        "version",
        "parameters",
        "takes_trust",
        "needs_target",
        "draws",
        "train",
        "predict",
    ),
    "models": ("name", "version", "card", "parameters", "refuses", "predict"),
    "network_formats": ("name", "title", "recognises", "files", "inspect", "open"),
    "prompt_models": ("name", "version", "card", "kinds", "is_3d", "refuses", "take_in"),
    "propagators": ("name", "title", "version", "parameters", "refuses", "take_in"),
    "trace_detectors": ("name", "title", "version", "parameters", "learn", "judge"),
    "contour_detectors": ("name", "title", "version", "parameters", "learn", "judge"),
    "mask_writers": ("name", "write"),
}
_CALLED: dict[Door, str] = {
    "readers": "reader",
    "fusion_methods": "fusion method",
    "trainers": "trainer",
    "models": "model",
    "network_formats": "network format",
    "prompt_models": "prompt model",
    "propagators": "propagator",
    "trace_detectors": "trace detector",
    "contour_detectors": "contour detector",
    "mask_writers": "mask writer",
}


class _Opened(NamedTuple):
    """The entries of one door that work, by name, and the ones that do not."""

    entries: dict[str, object]
    broken: tuple[tuple[str, str], ...]


class Registry:
    """Plugins by name. May be called from any thread.

    Nothing of a plugin is imported before a door that it may stand at is asked for, and the
    entries of the other doors stay untouched.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._loaders: list[tuple[str, Callable[[], object]]] = []
        self._plugins: list[Plugin] | None = None
        self._registered: list[Plugin] = []
        self._doors: dict[Door, _Opened] = {}
        self._unloaded: list[tuple[str, str]] = []

    @classmethod
    def load(cls) -> Registry:
        """Return a registry of every installed plugin; imports none of them yet."""
        registry = cls()
        found = sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value))
        # The built-in names come first, so that an added plugin cannot take one of them over.
        found.sort(key=lambda entry: entry.name != "builtins")
        registry._loaders = [(entry.name, entry.load) for entry in found]
        return registry

    def register(self, plugin: Plugin) -> Callable[[], None]:
        """Add a plugin by hand and return what takes it away again."""
        with self._lock:
            self._registered.append(plugin)
            self._doors.clear()

        def undo() -> None:
            with self._lock:
                self._registered = [entry for entry in self._registered if entry is not plugin]
                self._doors.clear()

        return undo

    def plugins(self) -> tuple[Plugin, ...]:
        """Return the plugins that could be loaded."""
        with self._lock:
            return (*self._loaded(), *self._registered)

    def readers(self) -> tuple[StudyReader, ...]:
        """Return every reader, in the order in which files are offered to them."""
        return tuple(cast("StudyReader", entry) for entry in self._open("readers").entries.values())

    def open_slide(self, reader: str, directory: Path) -> Pyramid:
        """Open what was kept of a slide, by the reader that read it.

        Raises UnknownNameError where there is no such reader, UnreadableError on damaged files.
        """
        found = self._named("readers", reader)
        if not hasattr(found, "open_slide"):
            raise AnnotatorError(f"the reader {reader!r} opens no slides")
        return cast("SlideReader", found).open_slide(directory)

    def fusion_method(self, name: str) -> AnyFusionMethod:
        """Return a fusion method by name; raises UnknownNameError."""
        return cast("AnyFusionMethod", self._named("fusion_methods", name))

    def fusion_methods(self) -> tuple[AnyFusionMethod, ...]:
        """Return every fusion method, by name."""
        return tuple(cast("AnyFusionMethod", entry) for entry in self._sorted("fusion_methods"))

    def trainer(self, name: str) -> Trainer:
        """Return a trainer by name; raises UnknownNameError."""
        return cast("Trainer", self._named("trainers", name))

    def trainers(self) -> tuple[Trainer, ...]:
        """Return every trainer, by name."""
        return tuple(cast("Trainer", entry) for entry in self._sorted("trainers"))

    def model(self, name: str) -> Model:
        """Return a model by name; raises UnknownNameError."""
        return cast("Model", self._named("models", name))

    def models(self) -> tuple[Model, ...]:
        """Return every model, by name."""
        return tuple(cast("Model", entry) for entry in self._sorted("models"))

    def network_format(self, name: str) -> NetworkFormat:
        """Return a network format by name; raises UnknownNameError."""
        return cast("NetworkFormat", self._named("network_formats", name))

    def network_formats(self) -> tuple[NetworkFormat, ...]:
        """Return every network format, in the order in which paths are offered to them."""
        found = self._open("network_formats").entries.values()
        return tuple(cast("NetworkFormat", entry) for entry in found)

    def prompt_model(self, name: str) -> PromptModel:
        """Return a prompt model by name; raises UnknownNameError."""
        return cast("PromptModel", self._named("prompt_models", name))

    def prompt_models(self) -> tuple[PromptModel, ...]:
        """Return every prompt model, by name."""
        return tuple(cast("PromptModel", entry) for entry in self._sorted("prompt_models"))

    def propagator(self, name: str) -> Propagator:
        """Return a propagator by name; raises UnknownNameError."""
        return cast("Propagator", self._named("propagators", name))

    def propagators(self) -> tuple[Propagator, ...]:
        """Return every propagator, by name."""
        return tuple(cast("Propagator", entry) for entry in self._sorted("propagators"))

    def trace_detector(self, name: str) -> TraceDetector:
        """Return a trace detector by name; raises UnknownNameError."""
        return cast("TraceDetector", self._named("trace_detectors", name))

    def trace_detectors(self) -> tuple[TraceDetector, ...]:
        """Return every trace detector, by name."""
        return tuple(cast("TraceDetector", entry) for entry in self._sorted("trace_detectors"))

    def contour_detector(self, name: str) -> ContourDetector:
        """Return a contour detector by name; raises UnknownNameError."""
        return cast("ContourDetector", self._named("contour_detectors", name))

    def contour_detectors(self) -> tuple[ContourDetector, ...]:
        """Return every contour detector, by name."""
        return tuple(cast("ContourDetector", entry) for entry in self._sorted("contour_detectors"))

    def mask_writer(self, name: str) -> MaskWriter:
        """Return a mask writer by name; raises UnknownNameError."""
        return cast("MaskWriter", self._named("mask_writers", name))

    def mask_writers(self) -> tuple[MaskWriter, ...]:
        """Return every mask writer, by name."""
        return tuple(cast("MaskWriter", entry) for entry in self._sorted("mask_writers"))

    def broken(self) -> tuple[tuple[str, str], ...]:
        """Return (plugin or entry, reason) for all that does not work; opens every door."""
        opened = [self._open(door) for door in _NEEDED]
        with self._lock:
            return (*self._unloaded, *(entry for door in opened for entry in door.broken))

    def broken_at(self, door: Door) -> tuple[tuple[str, str], ...]:
        """Return (plugin or entry, reason) for all that may have been at a door; opens no other."""
        opened = self._open(door)
        with self._lock:
            return (*self._unloaded, *opened.broken)

    def _named(self, door: Door, name: str) -> object:
        entries = self._open(door).entries
        if name not in entries:
            raise UnknownNameError(_CALLED[door], name, entries)
        return entries[name]

    def _sorted(self, door: Door) -> list[object]:
        entries = self._open(door).entries
        return [entries[name] for name in sorted(entries)]

    def _loaded(self) -> list[Plugin]:
        if self._plugins is None:
            self._plugins = []
            for name, loader in self._loaders:
                try:
                    plugin = loader()
                except Exception as error:  # a plugin may raise anything
                    self._unloaded.append((name, _words(error)))
                    continue
                if isinstance(plugin, Plugin):
                    self._plugins.append(plugin)
                else:
                    kind = type(plugin).__name__
                    reason = f"its entry point gives a {kind}, not an annotator.api.Plugin"
                    self._unloaded.append((name, reason))
        return self._plugins

    def _open(self, door: Door) -> _Opened:
        with self._lock:
            if door not in self._doors:
                self._doors[door] = _open_door(door, self.plugins())
            return self._doors[door]


def _open_door(door: Door, plugins: tuple[Plugin, ...]) -> _Opened:
    entries: dict[str, object] = {}
    owner: dict[str, str] = {}
    broken: list[tuple[str, str]] = []
    tried: dict[str, int] = defaultdict(int)
    for plugin in plugins:
        for factory in getattr(plugin, door):
            tried[plugin.name] += 1
            where = f"{plugin.name}: {_CALLED[door]} {tried[plugin.name]}"
            try:
                entry: Any = factory()
                missing = [name for name in _NEEDED[door] if not hasattr(entry, name)]
                if door == "fusion_methods" and not isinstance(entry, AnyFusionMethod):
                    missing.append("fuse (or fuse_voxels, or learn and fuse_learned)")
                if missing:
                    broken.append((where, f"{type(entry).__name__} lacks {', '.join(missing)}"))
                    continue
            except Exception as error:  # a plugin may raise anything
                broken.append((where, _words(error)))
                continue
            if entry.name in entries:
                taken = owner[entry.name]
                broken.append((where, f"the name {entry.name!r} is already taken by {taken}"))
                continue
            entries[entry.name] = entry
            owner[entry.name] = plugin.name
    return _Opened(entries, tuple(broken))


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, AnnotatorError) else f"{type(error).__name__}: {error}"
