"""Commands about the program itself: window, demo, plugins, worker."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.cli.command import Result
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    import argparse

    from annotator.api import AnyFusionMethod, ContourDetector, Progress, Propagator, Trainer


def open_window(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Open the window, on a project where one is named; fails where there is no display."""
    if not _has_display():
        raise AnnotatorError(
            "there is no display to open a window on; `annotator demo` works through a session "
            "without one, and every other command needs none"
        )
    try:
        from annotator.gui.app import run
    except ImportError as error:
        raise AnnotatorError(
            f"the window needs more than is installed ({error}): pip install 'annotator[app]'"
        ) from error
    code = run(arguments.project, build_demo=_build_demo)
    return Result(document={"project": arguments.project}, exit_code=code)


def _has_display() -> bool:
    """Whether Qt finds what it draws on; without one it would end the process with a dump."""
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    if not sys.platform.startswith("linux") or platform.split(":")[0] in ("offscreen", "minimal"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _build_demo(directory: Path, progress: Progress) -> None:
    from annotator.demo import build_sample_project

    build_sample_project(directory, progress)


def demo(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Build the sample project and open the window on it."""
    from annotator.demo import run

    directory = Path(arguments.directory) if arguments.directory else None
    return Result(document={}, is_told=False, exit_code=run(directory, as_json=arguments.json))


def plugins(arguments: argparse.Namespace, progress: Progress) -> Result:
    """List what is installed, and what is broken."""
    from annotator.jobs.exporting import export_formats
    from annotator.registry import Registry

    registry = Registry.load()
    document: dict[str, Any] = {
        "readers": [{"name": reader.name} for reader in registry.readers()],
        "fusion_methods": [_method(one) for one in registry.fusion_methods()],
        "trainers": [
            {
                **_method(trainer),
                "takes_trust": trainer.takes_trust,
                "needs_target": trainer.needs_target,
                "draws": trainer.draws,
            }
            for trainer in registry.trainers()
        ],
        "models": [
            {
                "name": model.name,
                "title": model.card.title,
                "version": model.version,
                "draws": model.card.what_it_draws,
                "works_on": model.card.works_on,
                "limits": model.card.limits,
                "licence": model.card.licence,
                "parameters": _parameters(model.parameters),
            }
            for model in registry.models()
        ],
        "propagators": [_method(one) for one in registry.propagators()],
        "contour_detectors": [_method(one) for one in registry.contour_detectors()],
        "network_formats": [
            {"name": one.name, "title": one.title} for one in registry.network_formats()
        ],
        "export_formats": [{"name": name} for name in export_formats(registry)],
        "broken": [{"name": name, "reason": reason} for name, reason in registry.broken()],
    }
    lines: list[str] = []
    for kind, entries in document.items():
        lines += [f"{kind.replace('_', ' ')}:"] if entries else []
        lines += [f"  {_words(entry)}" for entry in entries]
    return Result(document=document, lines=tuple(lines))


def _method(entry: AnyFusionMethod | Trainer | Propagator | ContourDetector) -> dict[str, Any]:
    return {
        "name": entry.name,
        "title": entry.title,
        "version": entry.version,
        "parameters": _parameters(entry.parameters),
    }


def _parameters(model: type[Any]) -> dict[str, Any]:
    properties: dict[str, Any] = model.model_json_schema().get("properties", {})
    return {name: entry.get("default") for name, entry in properties.items()}


def _words(entry: dict[str, Any]) -> str:
    drawn = entry.get("draws") if isinstance(entry.get("draws"), str) else ""
    told = drawn or entry.get("title") or entry.get("reason") or ""
    return f"{entry['name']}: {told}" if told else str(entry["name"])


def worker(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Work off the queued jobs of a project."""
    from annotator.jobs.run import work_off
    from annotator.jobs.worker import watch

    if arguments.watch:
        watch(arguments.project)
        return Result(document={"jobs_done": None}, lines=())
    n_done = work_off(arguments.project)
    return Result(document={"jobs_done": n_done}, lines=(f"{n_done} jobs done.",))
