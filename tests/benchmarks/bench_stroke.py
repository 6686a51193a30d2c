"""Stroke to disk: what a stroke costs the window's thread, and when it is safe on the disk.

300 strokes with a 64-voxel brush on 512 x 512 x 300, as discs and as balls: press, eight moves,
release. The window's thread pays for ``brush.finish()`` (copying what changed) and ``record()``;
the rest happens behind it. In the last table the strokes follow each other without a pause.
Processor time is given besides wall time, which other programs on the machine stretch.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from annotator.api import series_id
from annotator.domain.geometry import Geometry
from annotator.domain.schema import Label, LabelSchema
from annotator.domain.study import Series
from annotator.drawing.brush import Brush
from annotator.drawing.gesture import Held
from annotator.drawing.surface import Surface
from annotator.session.access import DraftAccess
from annotator.session.draft import DraftSession
from annotator.store import Store

SHAPE = (300, 512, 512)
N_STROKES = 300
N_MOVES = 8
DIAMETER_VOX = 64
PAUSE_S = 0.05


@dataclass
class _Times:
    moves_ms: list[float] = field(default_factory=list)
    finish_ms: list[float] = field(default_factory=list)
    record_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    on_disk_ms: list[float] = field(default_factory=list)


def main() -> None:
    """Measure both brushes and print a row for each."""
    sys.stdout.write(f"{N_STROKES} strokes, {DIAMETER_VOX} voxels, volume {SHAPE}\n")
    for is_3d, waits in ((False, True), (True, True), (False, False)):
        with tempfile.TemporaryDirectory() as directory:
            times = _strokes(Path(directory), is_3d=is_3d, waits=waits)
        name = ("ball" if is_3d else "disc") + (
            ", each waited for" if waits else ", one on another"
        )
        sys.stdout.write(f"{name}\n")
        window = np.add(times.finish_ms, times.record_ms)
        _row("  record()", times.record_ms)
        _row("  window's thread at release: finish() + record()", window.tolist())
        _row("  the same in processor time of that thread", times.cpu_ms)
        _row("  window's thread at each move", times.moves_ms)
        _row("  on disk after release", times.on_disk_ms)


def _row(title: str, values_ms: list[float]) -> None:
    p50, p95, worst = np.percentile(values_ms, [50, 95, 100])
    sys.stdout.write(f"{title:52} p50 {p50:8.3f} ms  p95 {p95:8.3f} ms  max {worst:8.3f} ms\n")


def open_draft(directory: Path) -> tuple[Store, DraftSession]:
    """Return a new project and an empty draft in it."""
    geometry = Geometry(shape=SHAPE)
    schema = LabelSchema(
        name="bench", title="Bench", labels=(Label(value=1, name="Region", color="#e69f00"),)
    )
    store = Store.create(directory / "project", title="Bench", schema=schema)
    voxels = np.zeros(SHAPE, np.int16)
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="volume",
        modality="CT",
        description="",
        geometry=geometry,
        dtype="int16",
    )
    store.add_series(series, voxels, actor="system")
    case = store.add_case("Bench", [series.series_id], actor="system")
    rater = store.add_rater("Ada", actor="system")
    draft = store.open_draft(case.case_id, rater.rater_id, actor=rater.rater_id)
    access = DraftAccess(store, draft, rater.rater_id)
    return store, DraftSession(access, np.dtype(np.uint8))


def _strokes(directory: Path, *, is_3d: bool, waits: bool) -> _Times:
    store, drawing = open_draft(directory)
    random = np.random.default_rng(1)
    times = _Times()
    released: list[float] = []
    done = threading.Semaphore(0)

    def written() -> None:
        times.on_disk_ms.append(1e3 * (time.perf_counter() - released[len(times.on_disk_ms)]))
        done.release()

    drawing.on_change(written)
    for _ in range(N_STROKES):
        start = random.uniform((40, 60, 60), (260, 450, 450))
        step = random.uniform(-6, 6, 3) * (0.2 if is_3d else 0, 1, 1)
        held = Held(label=1, diameter_mm=DIAMETER_VOX, is_3d=is_3d)
        brush = Brush(Surface(mask=drawing.mask), held, plane=0, index=round(start[0]))
        for move in range(N_MOVES):
            began = time.perf_counter()
            z, y, x = (float(value) for value in start + move * step)
            brush.drag((z, y, x))
            times.moves_ms.append(1e3 * (time.perf_counter() - began))
        began, began_cpu = time.perf_counter(), time.thread_time()
        edit = brush.finish()
        times.finish_ms.append(1e3 * (time.perf_counter() - began))
        if edit is None:
            times.record_ms.append(0.0)
            continue
        began = time.perf_counter()
        released.append(began)
        drawing.record("brush", edit)
        times.record_ms.append(1e3 * (time.perf_counter() - began))
        times.cpu_ms.append(1e3 * (time.thread_time() - began_cpu))
        if waits:
            done.acquire()
            time.sleep(PAUSE_S)
    drawing.close()
    store.close()
    return times


if __name__ == "__main__":
    main()
