"""An afternoon of drawing: 2,000 strokes on one case, from the first to the last.

Discs and balls of 4 to 60 voxels, press, eight moves, release, on 512 x 512 x 300; every 20th step
is taken back and done again. Told by quarters: what a stroke costs the window's thread, when it is
on the disk, what the process holds. Then what the history takes, and how long it takes to open the
case again, to look at a state in the middle, and to undo.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from annotator.drawing.brush import Brush
from annotator.drawing.gesture import Held
from annotator.drawing.surface import Surface
from annotator.session.access import DraftAccess
from annotator.session.draft import DraftSession
from tests.benchmarks.bench_stroke import SHAPE, open_draft

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

N_MOVES = 8
PARTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """What one stroke took, in seconds, and the most that the process had held by then."""

    window_s: float
    move_s: float
    disk_s: float
    most_mb: float


def main() -> None:
    """Draw, and print what a stroke took in each quarter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strokes", type=int, default=2000)
    n_strokes: int = parser.parse_args().strokes
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        store, drawing = open_draft(directory)
        empty_mb = _size_mb(directory)
        strokes = [_stroke(drawing, number) for number in range(n_strokes)]
        _tell_quarters(strokes)
        n_steps = len(drawing.history().steps)
        _time(f"undo of one of {n_steps} steps", drawing.undo)
        middle = drawing.history().steps[n_steps // 2].step_id
        _time("look at the state in the middle", lambda: drawing.mask_after(middle))
        _time("one slice of it, for its picture", lambda: drawing.slice_after(middle, 150))
        drawing.close()
        sys.stdout.write(f"all steps on disk: {_size_mb(directory) - empty_mb:.1f} MB\n")
        draft = store.draft(drawing.draft.draft_id)
        access = DraftAccess(store, draft, draft.rater_id)
        again = _time("open the case again", lambda: DraftSession(access, np.dtype(np.uint8)))
        again.close()
        store.close()


def _size_mb(directory: Path) -> float:
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file()) / 1e6


def _stroke(drawing: DraftSession, number: int) -> Stroke:
    random = np.random.default_rng(number)
    is_3d = number % 3 == 0
    at = random.uniform((20, 60, 60), (280, 450, 450))
    step = random.uniform(-6, 6, 3) * (0.2 if is_3d else 0, 1, 1)
    held = Held(label=1 + number % 3, diameter_mm=random.uniform(4, 60), is_3d=is_3d)
    brush = Brush(Surface(mask=drawing.mask), held, plane=0, index=round(at[0]))
    begun = time.perf_counter()
    for _ in range(N_MOVES):
        brush.drag((float(at[0]), float(at[1]), float(at[2])))
        at = at + step
    moved = time.perf_counter()
    edit = brush.finish()
    if edit is not None:
        drawing.record("brush", edit)
    recorded = time.perf_counter()
    drawing.flush()
    flushed = time.perf_counter()
    if number % 20 == 19:
        drawing.undo()
        drawing.redo()
    return Stroke(
        window_s=recorded - begun,
        move_s=(moved - begun) / N_MOVES,
        disk_s=flushed - recorded,
        most_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    )


def _tell_quarters(strokes: list[Stroke]) -> None:
    sys.stdout.write(f"{len(strokes)} strokes, volume {SHAPE}; median and 95th percentile\n")
    sys.stdout.write("strokes        window ms       a move ms       on disk ms       most MB\n")
    for part in np.array_split(np.arange(len(strokes)), PARTS):
        chosen = [strokes[int(number)] for number in part]
        columns = (
            [1e3 * stroke.window_s for stroke in chosen],
            [1e3 * stroke.move_s for stroke in chosen],
            [1e3 * stroke.disk_s for stroke in chosen],
        )
        cells = "  ".join(f"{np.median(c):6.2f} {np.percentile(c, 95):6.2f} " for c in columns)
        sys.stdout.write(f"{part[0] + 1:5}-{part[-1] + 1:<5}  {cells}  {chosen[-1].most_mb:8.0f}\n")


def _time(title: str, work: Callable[[], T]) -> T:
    begun = time.perf_counter()
    result = work()
    sys.stdout.write(f"{title:40} {1e3 * (time.perf_counter() - begun):8.1f} ms\n")
    return result


if __name__ == "__main__":
    main()
