"""The brush against stock napari's: cost of a mouse event, memory of the history, undo.

At the end: what the brushes cost that look at the image, which napari has none of, and the brush
where labels may overlap.

Strokes of 40 events, 6 voxels apart, on 300 x 512 x 512 uint8. Ours is what the window's thread
does: the brush's ``drag``, and its share of ``finish`` and ``record``, which put the stroke on its
way to the disk; a writer thread is at work meanwhile. Times are the processor's, which other
programs on the machine stretch less. napari's is ``Labels._draw`` of a layer
without a window, and its share of committing the history. Strokes of both take turns. The places
are whole voxels, because napari rounds them, and the structuring element is the same.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from annotator.domain.label_groups import MaskValues, with_overlaps
from annotator.domain.schema import Label, LabelSchema
from annotator.drawing.adaptive_brush import AdaptiveBrush
from annotator.drawing.brush import Brush
from annotator.drawing.gesture import Held
from annotator.drawing.label_layers import LabelLayers
from annotator.drawing.surface import Surface
from annotator.drawing.threshold_brush import ThresholdBrush
from tests.benchmarks.bench_stroke import SHAPE, open_draft

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Labels

    from annotator.session.draft import DraftSession

    Place = tuple[float, float, float]

N_EVENTS = 40
STEP = 6
N_STROKES = 5
SIZES = {False: (1, 5, 10, 20, 40), True: (10, 20, 40, 80)}
N_LARGE, LARGE, LARGE_MOVES = 20, 100, 20
N_UNDO = 5


def main() -> None:
    """Print a table of events, then memory and undo."""
    with tempfile.TemporaryDirectory() as directory:
        store, drawing = open_draft(Path(directory))
        layer = make_layer()
        sys.stdout.write(
            f"{N_STROKES} strokes of {N_EVENTS} events each, medians in ms an event\n"
            "brush        ours  with record     napari   ratio  with record   same voxels\n"
        )
        for is_3d, sizes in SIZES.items():
            for size in sizes:
                _compare(drawing, layer, size, is_3d=is_3d)
        drawing.close()
        store.close()
    compare_clicks(layer)
    compare_history()
    time_image_brushes()
    time_groups()


def make_layer() -> Labels:
    """Return an empty layer that paints, without a window."""
    from napari.layers import Labels

    layer = Labels(np.zeros(SHAPE, np.uint8))
    layer.mode = "paint"
    return layer


def _compare(drawing: DraftSession, layer: Labels, size: int, *, is_3d: bool) -> None:
    ours: list[float] = []
    theirs: list[float] = []
    ends: list[float] = []
    their_ends: list[float] = []
    same: list[float] = []
    for number in range(N_STROKES):
        places = stroke_places(number, size if is_3d else 0)
        drawing.mask[...] = 0
        layer.data[...] = 0
        events, end = our_stroke(drawing, places, size, is_3d=is_3d)
        ours += events
        ends.append(end)
        events, end = their_stroke(layer, places, size, is_3d=is_3d)
        theirs += events
        their_ends.append(end)
        drawing.flush()
        same.append(dice(drawing.mask, np.asarray(layer.data)))
        drawing.undo()
        layer._reset_history()
    mine, other = statistics.median(ours), statistics.median(theirs)
    all_mine = mine + statistics.median(ends) / N_EVENTS
    all_other = other + statistics.median(their_ends) / N_EVENTS
    sys.stdout.write(
        f"{'3D' if is_3d else '2D'} {size:4}  {mine:10.4f} {all_mine:12.4f} {all_other:10.3f} "
        f"{other / mine:6.1f}x {all_other / all_mine:11.1f}x   Dice {min(same):.4f}\n"
    )


def stroke_places(number: int, size: int) -> list[Place]:
    """Return a way across the volume, in whole voxels, that turns at its edges."""
    rng = np.random.default_rng(number)
    place = rng.integers((100, 120, 120), (200, 390, 390))
    way = np.array([rng.integers(-1, 2) if size else 0, STEP, rng.integers(-STEP, STEP + 1)])
    places: list[Place] = []
    for _ in range(N_EVENTS):
        places.append((float(place[0]), float(place[1]), float(place[2])))
        for axis in range(3):
            if not 60 <= place[axis] + way[axis] < SHAPE[axis] - 60:
                way[axis] = -way[axis]
        place = place + way
    return places


def our_stroke(
    drawing: DraftSession, places: Sequence[Place], size: int, *, is_3d: bool
) -> tuple[list[float], float]:
    """Return ms of each event and of the end of the stroke."""
    # napari's radius is half a voxel more than half of an even number.
    held = Held(label=1, diameter_mm=2 * (size // 2) + 1, is_3d=is_3d)
    brush = Brush(Surface(mask=drawing.mask), held, plane=0, index=round(places[0][0]))
    events = [measured(partial(brush.drag, place)) for place in places]

    def end() -> None:
        edit = brush.finish()
        if edit is not None:
            drawing.record("brush", edit)

    return events, measured(end)


def their_stroke(
    layer: Labels, places: Sequence[Place], size: int, *, is_3d: bool
) -> tuple[list[float], float]:
    """Return ms of each event and of the end of the stroke."""
    layer.n_edit_dimensions = 3 if is_3d else 2
    layer.brush_size = size
    ways = zip([places[0], *places[:-1]], places, strict=True)
    layer._block_history = True  # what ``block_history`` does around a drag
    events = [
        measured(partial(layer._draw, 1, np.array(last), np.array(place))) for last, place in ways
    ]
    layer._block_history = False
    return events, measured(layer._commit_staged_history)


def compare_clicks(layer: Labels) -> None:
    """Print which sizes give the same voxels in both, for one click in the middle."""
    place = (150.0, 256.0, 256.0)
    equal = []
    for is_3d, sizes in SIZES.items():
        for size in sizes:
            mask = np.zeros(SHAPE, np.uint8)
            held = Held(label=1, diameter_mm=2 * (size // 2) + 1, is_3d=is_3d)
            Brush(Surface(mask=mask), held, plane=0, index=150).press(place)
            layer.data[...] = 0
            their_stroke(layer, [place], size, is_3d=is_3d)
            if np.array_equal(mask, np.asarray(layer.data)):
                equal.append(f"{'3D' if is_3d else '2D'} {size}")
    sys.stdout.write(f"\none click, the same voxels: {', '.join(equal)}\n")


def measured(step: Callable[[], object], clock: Callable[[], float] = time.thread_time) -> float:
    """Return how many ms a step takes; of this thread's processor, unless told otherwise."""
    begin = clock()
    step()
    return 1e3 * (clock() - begin)


def dice(left: np.ndarray, right: np.ndarray) -> float:
    """Return the overlap of what is drawn in both."""
    common = np.count_nonzero((left != 0) & (right != 0))
    return 2 * common / (np.count_nonzero(left) + np.count_nonzero(right))


def compare_history() -> None:
    """Print what 20 large strokes take in memory and on the disk, and what undoing one costs."""
    layer = make_layer()
    with tempfile.TemporaryDirectory() as directory:
        store, drawing = open_draft(Path(directory))
        before = bytes_on_disk(Path(directory))
        for number in range(N_LARGE):
            places = stroke_places(number, LARGE)[:LARGE_MOVES]
            our_stroke(drawing, places, LARGE, is_3d=True)
            drawing.flush()
            their_stroke(layer, places, LARGE, is_3d=True)
        runs = drawing.contents().slabs.values()
        in_memory = sum(one.ends.nbytes + one.labels.nbytes for one in runs)
        on_disk = bytes_on_disk(Path(directory)) - before
        theirs = array_bytes(list(layer._undo_history))
        ours = in_memory + on_disk
        sys.stdout.write(
            f"\nhistory of {N_LARGE} strokes in 3D, brush {LARGE}, {LARGE_MOVES} events: "
            f"ours {on_disk / 1e6:.1f} MB on disk, {in_memory / 1e6:.2f} MB of runs in memory; "
            f"napari {theirs / 1e6:.0f} MB in memory; 1/{theirs / ours:.0f}\n"
        )
        _compare_undo(drawing, layer)
        drawing.close()
        store.close()


def _compare_undo(drawing: DraftSession, layer: Labels) -> None:
    """Print what taking all strokes back costs the window's thread, and when it is on the disk."""
    for name, clock in (("processor", time.thread_time), ("clock", time.perf_counter)):
        rows = np.array(
            [row for _ in range(N_UNDO) for row in _take_all_back(drawing, layer, clock)]
        )
        largest = rows[rows[:, 0] == rows[:, 0].max()]
        for words, chosen in ((f"all {N_LARGE}", rows), ("the largest", largest)):
            _, ours, on_disk, theirs = np.median(chosen, axis=0)
            sys.stdout.write(
                f"undo of {words}, ms of the {name}: ours {ours:.2f} (on disk after {on_disk:.1f}),"
                f" napari {theirs:.1f}, {theirs / ours:.1f}x\n"
            )


def _take_all_back(
    drawing: DraftSession, layer: Labels, clock: Callable[[], float]
) -> list[tuple[float, ...]]:
    """Return voxels changed, ms of ours, ms until it is on the disk, and ms of napari."""
    rows: list[tuple[float, ...]] = []
    for _ in range(N_LARGE):
        before = drawing.mask.copy()
        begin = time.perf_counter()
        ours = measured(drawing.undo, clock)
        drawing.flush()
        on_disk = 1e3 * (time.perf_counter() - begin)
        changed = float(np.count_nonzero(before != drawing.mask))
        rows.append((changed, ours, on_disk, measured(layer.undo, clock)))
    for _ in range(N_LARGE):
        drawing.redo()
        layer.redo()
    drawing.flush()
    return rows


def time_image_brushes() -> None:
    """Print what an event of the brushes costs that look at the image: noise, around an edge."""
    rng = np.random.default_rng(0)
    image = rng.normal(100, 20, (128, 512, 512)).astype(np.int16)
    image[:, 256:] += 100
    mask = np.zeros(image.shape, np.uint8)
    for tool in (ThresholdBrush, AdaptiveBrush):
        sys.stdout.write(f"{tool.name}, ms an event:")
        for is_3d, sizes in ((False, (20, 40, 100)), (True, (20, 40, 80))):
            for size in sizes:
                surface = Surface(mask=mask, image=image)
                held = Held(label=1, diameter_mm=size, is_3d=is_3d)
                brush = tool(surface, held, plane=0, index=64)
                brush.press((64.0, 250.0, 100.0))
                places = [(64.0, 250.0, 100.0 + STEP * number) for number in range(1, N_EVENTS)]
                events = [measured(partial(brush.drag, place)) for place in places]
                name = "ball" if is_3d else "disc"
                sys.stdout.write(f"  {name} {size} {statistics.median(events):.3f}")
        sys.stdout.write("\n")


def time_groups() -> None:
    """Print what an event of the brush costs where labels of two groups may share voxels."""
    labels = tuple(
        Label(value=value, name=str(value), color="#123456", group="organ" if value < 3 else "")
        for value in range(1, 5)
    )
    schema = with_overlaps(LabelSchema(name="groups", title="Groups", labels=labels))
    mask = np.zeros((128, 512, 512), np.uint8)
    mask[:, 100:400] = 1
    layers = LabelLayers(MaskValues(schema), mask.dtype)
    for name, surface in (
        ("one group", Surface(mask=mask.copy())),
        ("two groups", Surface(mask=mask, layers=layers).of(3)),
    ):
        sys.stdout.write(f"brush, {name}, ms an event:")
        for is_3d, sizes in ((False, (20, 40, 80)), (True, (20, 40, 80))):
            for size in sizes:
                held = Held(label=3, diameter_mm=size, is_3d=is_3d)
                brush = Brush(surface, held, plane=0, index=64)
                brush.press((64.0, 250.0, 100.0))
                places = [(64.0, 250.0, 100.0 + STEP * number) for number in range(1, N_EVENTS)]
                events = [measured(partial(brush.drag, place)) for place in places]
                kind = "ball" if is_3d else "disc"
                sys.stdout.write(f"  {kind} {size} {statistics.median(events):.3f}")
        sys.stdout.write("\n")


def bytes_on_disk(directory: Path) -> int:
    """Return the size of all files."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def array_bytes(kept: Any) -> int:  # noqa: ANN401 - napari's own
    """Return the size of all arrays in a history, of each array's memory once."""
    seen: dict[int, int] = {}

    def look(item: Any) -> None:  # noqa: ANN401
        if isinstance(item, np.ndarray):
            base = item if item.base is None else item.base
            seen[id(base)] = getattr(base, "nbytes", item.nbytes)
        elif isinstance(item, list | tuple):
            for part in item:
                look(part)
        elif is_dataclass(item):
            for field in fields(item):
                look(getattr(item, field.name))

    look(kept)
    return sum(seen.values())


if __name__ == "__main__":
    main()
