"""Thresholds of checks of tracings: read by name or file, and found from trusted tracings."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.analysis.tracing.swc import read_swc_file
from annotator.analysis.tracing.threshold_calibration import calibrate, describe_changes
from annotator.analysis.tracing.thresholds import (
    PRESETS,
    Thresholds,
    find_preset,
    thresholds_from_json,
    thresholds_to_json,
)
from annotator.cli.command import Result
from annotator.cli.traced_image import read_traced_image
from annotator.domain.errors import AnnotatorError
from annotator.jobs.trace_files import read_tracing
from annotator.registry import Registry

if TYPE_CHECKING:
    import argparse

    from annotator.api import Progress


def read_thresholds(name_or_file: str) -> Thresholds:
    """Return a preset, or the thresholds of a file.

    Raises UnknownNameError where it is neither, AnnotatorError where the file holds no thresholds.
    """
    path = Path(name_or_file)
    if name_or_file in PRESETS or not path.is_file():
        return find_preset(name_or_file)
    try:
        return thresholds_from_json(path.read_text(encoding="utf-8"))
    except (AnnotatorError, UnicodeDecodeError) as error:
        raise AnnotatorError(f"{path.name}: {error}") from error


def calibrate_traces(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Write thresholds at which trusted tracings pass, and say what changed and why."""
    files = [Path(name) for name in arguments.files]
    for path in files:
        if not path.is_file():
            raise AnnotatorError(f"there is no file {str(path)!r}")
    output = Path(arguments.output)
    if output.resolve() in [path.resolve() for path in files]:
        raise AnnotatorError(f"{output} is one of the tracings; give another --output.")
    start = read_thresholds(arguments.start)
    if arguments.images and len(arguments.images) != len(files):
        raise AnnotatorError(
            f"{len(arguments.images)} images for {len(files)} tracings: give one for each, or none."
        )
    registry = Registry.load()
    images = [read_traced_image(registry, Path(name), progress) for name in arguments.images]
    trees = (
        [read_tracing(path, image).tree for path, image in zip(files, images, strict=True)]
        if images
        else [read_swc_file(path).tree for path in files]
    )
    calibration = calibrate(trees, images, quantile=arguments.quantile, start=start)
    output.write_text(thresholds_to_json(calibration.thresholds), encoding="utf-8")
    lines = (
        *describe_changes(calibration.changes),
        f"{len(trees)} tracings, {sum(len(tree) for tree in trees):,} nodes; written to {output}",
    )
    document = {
        "output": str(output),
        "thresholds": asdict(calibration.thresholds),
        "changes": [asdict(change) for change in calibration.changes],
    }
    return Result(document=document, lines=lines)
