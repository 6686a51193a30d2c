"""A slide of 100,000 x 80,000 pixels: regions against OpenSlide and tiffslide, strokes, memory.

The file is made by repeating one tile and takes 0.3 GB of disk, and as much again in the project.
Needs openslide-python, openslide-bin and tiffslide.
"""

from __future__ import annotations

import argparse
import io
import itertools
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import openslide
import tifffile
import tiffslide

sys.path.insert(0, str(Path(__file__).parents[2]))

from annotator.api import no_progress
from annotator.drawing.capsule import sweep
from annotator.drawing.edit import EditRecorder
from annotator.session.schema_io import default_schema
from annotator.session.session import Session
from annotator_builtins.slide_tiff import open_levels
from annotator_builtins.slide_tiles import TilePyramid

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.session.open_case import OpenCase

T = TypeVar("T")
ROWS, COLUMNS = 80_000, 100_000
TILE = 512
STEPS = (1, 4, 16, 64)
N_REGIONS, SIDE = 40, 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", help="where the file and the project are made", default=None)
    with tempfile.TemporaryDirectory(dir=parser.parse_args().directory) as name:
        path = Path(name, "slide.svs")
        _time("make the file", lambda: _make(path))
        _say(f"it takes {path.stat().st_size >> 20} MB")
        _compare_regions(path)
        _draw(path, Path(name))


def _make(path: Path) -> None:
    random = np.random.default_rng(0)
    coarse = random.integers(120, 240, (TILE // 32, TILE // 32, 3)).astype(np.float64)
    smooth = np.kron(coarse, np.ones((32, 32, 1)))
    tile = (smooth + random.integers(-2, 3, smooth.shape)).astype(np.uint8)
    with io.BytesIO() as memory:
        tifffile.imwrite(
            memory, tile, tile=(TILE, TILE), compression="jpeg", compressionargs={"level": 70},
            photometric="rgb",
        )  # fmt: skip
        memory.seek(0)
        with tifffile.TiffFile(memory) as file:
            page = file.pages.first
            memory.seek(page.dataoffsets[0])
            content = memory.read(page.databytecounts[0])
    words = f"Aperio Image Library v12\r\n{COLUMNS}x{ROWS}|AppMag = 40|MPP = 0.25"
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for step in STEPS:
            shape = (ROWS // step, COLUMNS // step, 3)
            n_tiles = -(-shape[0] // TILE) * -(-shape[1] // TILE)
            writer.write(
                itertools.repeat(content, n_tiles), shape=shape, dtype=np.uint8, tile=(TILE, TILE),
                compression="jpeg", photometric="rgb", metadata=None,
                description=words if step == 1 else "Aperio Image Library v12\r\n",
            )  # fmt: skip
            if step == 1:  # the second page of such a file is a thumbnail
                writer.write(tile, compression="jpeg", photometric="rgb", metadata=None)


def _compare_regions(path: Path) -> None:
    own = _time("open: ours", lambda: _pyramid(path))
    one = _time("open: OpenSlide", lambda: openslide.OpenSlide(path))
    other = _time("open: tiffslide", lambda: tiffslide.TiffSlide(path))
    random = np.random.default_rng(1)
    for level, step in ((0, 1), (1, 4)):
        rows, columns = own.shapes[level]
        places = np.stack(
            [random.integers(0, n - SIDE, N_REGIONS) for n in (rows, columns)], axis=1
        ).tolist()
        readers: dict[str, Callable[[int, int], object]] = {
            "ours": lambda row, column, level=level: own.read(  # type: ignore[misc]
                level, slice(row, row + SIDE), slice(column, column + SIDE)
            ),
            "OpenSlide": lambda row, column, level=level, step=step: one.read_region(  # type: ignore[misc]
                (column * step, row * step), level, (SIDE, SIDE)
            ),
            "tiffslide": lambda row, column, level=level, step=step: other.read_region(  # type: ignore[misc]
                (column * step, row * step), level, (SIDE, SIDE), as_array=True
            ),
        }
        taken: dict[str, list[float]] = {name: [] for name in readers}
        for row, column in places:
            found = []
            for name, read in readers.items():
                begun = time.perf_counter()
                found.append(np.asarray(read(row, column))[..., :3])
                taken[name].append(1e3 * (time.perf_counter() - begun))
            if not all(np.array_equal(found[0], another) for another in found[1:]):
                raise SystemExit(f"the readers disagree at {row}, {column} of level {level}")
        for name, values in taken.items():
            p50, p95 = np.percentile(values, [50, 95])
            _say(f"level {level}, {SIDE} x {SIDE}: {name:10} p50 {p50:6.1f} ms, p95 {p95:6.1f} ms")


def _pyramid(path: Path) -> TilePyramid:
    levels = open_levels(path)
    return TilePyramid(levels, np.dtype(np.uint8), 3)


def _draw(path: Path, directory: Path) -> None:
    with Session.create(directory / "project", schema=default_schema(), title="Bench") as session:
        _time("import", lambda: session.import_studies([path], progress=no_progress))
        rater = session.add_rater("Ada")
        session.assign()
        room = session.rater_room(rater.rater_id)
        case_id = session.cases()[0].case_id
        case = _time("open the case", lambda: room.open_case(case_id))
        _say_memory()
        for diameter in (40, 4_000, 20_000):
            _stroke(case, diameter)
        case.close()
        case = _time("open the case again", lambda: room.open_case(case_id))
        _say_memory()
        _time("submit", case.submit)
        case.close()
        _time("export as ome-tiff", lambda: session.export_here(f"{directory}/out", "ome-tiff"))
        _say_memory()


def _stroke(case: OpenCase, diameter: int) -> None:
    at, drawing = (0.0, 40_000.0, 20_000.0 + diameter), case.drawing
    disc = sweep(
        at, at, radius_mm=diameter / 2, spacing_mm=(1, 1, 1), plane=0, shape=drawing.mask.shape
    )
    if disc is None:
        raise SystemExit("the stroke lies outside")
    moments = [time.perf_counter()]
    recorder = EditRecorder(drawing.mask)
    recorder.paint_shape(disc, 1)
    moments.append(time.perf_counter())
    edit = recorder.finish()
    if edit is None:
        raise SystemExit("the stroke changed nothing")
    moments.append(time.perf_counter())
    drawing.record("brush", edit)
    moments.append(time.perf_counter())
    del edit, recorder
    drawing.flush()
    moments.append(time.perf_counter())
    drawing.undo()
    moments.append(time.perf_counter())
    drawing.flush()
    drawing.redo()
    drawing.flush()
    paint, finish, record, disk, undo = (1e3 * step for step in np.diff(moments))
    _say(
        f"disc of {diameter:6}: paint {paint:7.1f} ms, find the edit {finish:7.1f} ms, record "
        f"{record:4.1f} ms, on disk after {disk:6.1f} ms, undo {undo:6.1f} ms"
    )
    _say_memory()


def _time(title: str, work: Callable[[], T]) -> T:
    begun = time.perf_counter()
    result = work()
    _say(f"{title:30} {1e3 * (time.perf_counter() - begun):9.1f} ms")
    return result


def _say_memory() -> None:
    held = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _say(f"  memory {held >> 20} MB, at most so far {peak >> 10} MB")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
