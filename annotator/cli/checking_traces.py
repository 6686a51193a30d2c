"""The command that checks tracings in files, without a project, and repairs them if asked to."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.analysis.tracing.checks import check_file
from annotator.analysis.tracing.repair import REPAIRS, offers, repair
from annotator.analysis.tracing.swc import read_swc_file
from annotator.analysis.tracing.swc_writing import write_swc
from annotator.analysis.tracing.tree import edge_lengths
from annotator.cli.command import Result
from annotator.cli.traced_image import read_traced_image
from annotator.cli.tracing_thresholds import read_thresholds
from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.jobs.trace_files import read_tracing
from annotator.registry import Registry

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from annotator.analysis.tracing.swc import SwcFile
    from annotator.api import Progress
    from annotator.api.tracing import TracedImage
    from annotator.domain.tracing import TraceFinding

_SHOWN = 20
ERRORS_FOUND = 1


def check_traces(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Tell what may be wrong with each file; exit code 1 where anything is an error."""
    _check_arguments(arguments)
    thresholds = read_thresholds(arguments.thresholds)
    image = None
    if arguments.image:
        image = read_traced_image(Registry.load(), Path(arguments.image), progress)
    documents: list[dict[str, Any]] = []
    lines: list[str] = []
    has_errors = False
    for done, name in enumerate(arguments.files):
        progress(done / len(arguments.files), f"checking {name}")
        file, unit = _read(Path(name), arguments, image)
        findings = check_file(file, image, thresholds)
        has_errors |= any(finding.severity == "error" for finding in findings)
        document = _document(name, unit, file, findings)
        lines += _lines(name, file, findings)
        if arguments.repair:
            done_names = arguments.fix or [offer.name for offer in offers(findings)]
            mended = repair(file.tree, findings, done_names)
            Path(arguments.repair).write_bytes(
                write_swc(mended, file, corrects_lines="rewrite-fields" in done_names)
            )
            document["repaired"] = {"file": arguments.repair, "repairs": done_names}
            lines.append(
                f"   written to {arguments.repair}: {', '.join(done_names) or 'as it was'}"
            )
        documents.append(document)
    return Result(
        document={"files": documents},
        lines=tuple(lines),
        exit_code=ERRORS_FOUND if has_errors else 0,
    )


def _check_arguments(arguments: argparse.Namespace) -> None:
    if arguments.repair and len(arguments.files) != 1:
        raise AnnotatorError(
            f"--repair writes one file and {len(arguments.files)} are checked; give one at a time"
        )
    if arguments.fix and not arguments.repair:
        raise AnnotatorError("--fix names what --repair OUT.swc does; say where to write")
    for name in arguments.fix:
        if name not in REPAIRS:
            raise UnknownNameError("repair", name, REPAIRS)
    if arguments.spacing and arguments.image:
        raise AnnotatorError("the image tells the size of its voxels; leave --spacing out")
    if arguments.unit == "voxel" and not (arguments.spacing or arguments.image):
        raise AnnotatorError("--unit voxel needs the size of a voxel: give --spacing or --image")


def _read(
    path: Path, arguments: argparse.Namespace, image: TracedImage | None
) -> tuple[SwcFile, str]:
    """Return a file in µm, and the unit that it was taken to be in."""
    if not path.is_file():
        raise AnnotatorError(f"there is no file {str(path)!r}")
    unit = arguments.unit
    spacing = _spacing(arguments.spacing) if arguments.spacing else (1.0, 1.0, 1.0)
    if image is not None:
        z, y, x = image.spacing_um
        spacing = (x, y, z)
        unit = unit or read_tracing(path, image).unit
    unit = unit or ("voxel" if arguments.spacing else "um")
    scale = spacing if unit == "voxel" else (1.0, 1.0, 1.0)
    return read_swc_file(path, scale_um=scale), unit


def _spacing(text: str) -> tuple[float, float, float]:
    try:
        x, y, z = (float(number) for number in text.split(","))
    except ValueError:
        raise AnnotatorError(
            f"--spacing takes X,Y,Z in µm, for example 0.3,0.3,1; got {text!r}"
        ) from None
    if not all(0 < number < math.inf for number in (x, y, z)):
        raise AnnotatorError(f"--spacing takes three numbers above 0; got {text!r}")
    return x, y, z


def _document(
    name: str, unit: str, file: SwcFile, findings: Sequence[TraceFinding]
) -> dict[str, Any]:
    cable = float(sum(length for length in edge_lengths(file.tree).tolist() if length == length))
    return {
        "file": name,
        "unit": unit,
        "n_nodes": len(file.tree),
        "cable_um": _finite(cable),
        "header": file.header(),
        "counts": dict(Counter(finding.check for finding in findings)),
        "findings": [_finding(finding) for finding in findings],
        "repairs": [asdict(offer) for offer in offers(findings)],
    }


def _finding(finding: TraceFinding) -> dict[str, Any]:
    told = asdict(finding) | {"at_stake_um": finding.at_stake_um}
    told["point_um"] = [_finite(number) for number in finding.point_um]
    return {
        key: _finite(value) if isinstance(value, float) else value for key, value in told.items()
    }


def _finite(number: float) -> float | None:
    """Return a number as JSON knows it: none for what is not finite."""
    return number if math.isfinite(number) else None


def _lines(name: str, file: SwcFile, findings: Sequence[TraceFinding]) -> list[str]:
    n_found = len(findings)
    found = "nothing found" if not n_found else f"{n_found} finding{'s' if n_found > 1 else ''}"
    lines = [f"{name}: {len(file.tree):,} nodes, {found}"]
    for finding in findings[:_SHOWN]:
        line = f"line {finding.line}, " if finding.line else ""
        lines.append(
            f"   {finding.severity} {finding.check}: {line}node {finding.node_id}, "
            f"{finding.at_stake_um:.0f} µm at stake. {finding.why}"
        )
    if n_found > _SHOWN:
        lines.append(f"   and {n_found - _SHOWN} more (--json lists all)")
    lines += [
        f"   can be repaired: {offer.name} ({offer.n_findings}): {offer.title}"
        for offer in offers(findings)
    ]
    return lines
