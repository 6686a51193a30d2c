"""Livewire against skimage's paths of least cost; other tools that look at edges beside peers.

A slice of 512 x 512 with blurred discs in noise. Ready: from a click to the tree of ways from
there. Move: the way to the pointer. Both find ways of the same cost on the same costs; the tool
itself also weighs directions, which skimage's class cannot. Processor time.
"""

from __future__ import annotations

import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from scipy import ndimage
from skimage.graph import MCP_Geometric
from skimage.measure import find_contours
from skimage.segmentation import flood

sys.path.insert(0, str(Path(__file__).parents[2]))

from annotator.analysis.edge_cost import measure_edges, step_cost
from annotator.analysis.path_tree import StepCost, grow_tree
from annotator.drawing.gesture import Held
from annotator.drawing.level_tracing import LevelTracing
from annotator.drawing.livewire import Livewire
from annotator.drawing.options import with_defaults
from annotator.drawing.region_growing import RegionGrowing
from annotator.drawing.scissors import Scissors
from annotator.drawing.surface import Surface

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.drawing.edit import Point
    from annotator.drawing.gesture import Gesture

EDGE = 512
SEED = (256, 376)
SPACING = (0.9, 0.7)
N_SLICES = 200
_T = TypeVar("_T")


def make_slice() -> NDArray[np.float32]:
    """Return discs of several sizes and contrasts, blurred, in noise."""
    random = np.random.default_rng(5)
    row, column = np.indices((EDGE, EDGE))
    sharp = 100.0 * (np.hypot(row - 256, column - 256) < 120)
    for _ in range(25):
        at, radius = random.uniform(40, 470, 2), random.uniform(8, 40)
        sharp += random.uniform(-60, 60) * (np.hypot(row - at[0], column - at[1]) < radius)
    image: NDArray[np.float32] = ndimage.gaussian_filter(sharp, 1.5).astype(np.float32)
    image += random.normal(0, 8, image.shape).astype(np.float32)
    return image


def measured(name: str, run: Callable[[], _T], repeats: int = 9) -> tuple[float, _T]:
    """Run several times; print a row; return the median time in ms and the last result."""
    times: list[float] = []
    for _ in range(repeats):
        begin = time.process_time()
        result = run()
        times.append(1000 * (time.process_time() - begin))
    sys.stdout.write(f"  {name:58s} {min(times):9.2f} {statistics.median(times):9.2f}\n")
    return statistics.median(times), result


def compare_trees(image: NDArray[np.float32]) -> None:
    """Compare trees and ways on the same costs."""
    measured("edges of the slice, once", lambda: measure_edges(image, SPACING, 1.0))
    edges = measure_edges(image, SPACING, 1.0)
    costs = step_cost(edges, float(edges.strength[SEED]))
    plain = StepCost(cost=costs.cost, spacing_mm=SPACING)

    def peer_tree() -> tuple[MCP_Geometric, NDArray[np.float64]]:
        finder = MCP_Geometric(costs.cost, sampling=SPACING)
        return finder, finder.find_costs([SEED])[0]

    theirs, (finder, spent) = measured("ready: skimage MCP_Geometric", peer_tree, 5)
    mine, tree = measured("ready: ours, the same costs", lambda: grow_tree(plain, SEED))
    sys.stdout.write(
        f"    {theirs / mine:.1f} times as fast; costs differ by at most "
        f"{np.abs(tree.spent - spent).max():.2g}\n"
    )
    measured("ready: ours, with directions", lambda: grow_tree(costs, SEED))
    ends = [(20, 20), (500, 30), (130, 256), (490, 490)]
    theirs, _ = measured("move: skimage traceback", lambda: [finder.traceback(e) for e in ends])
    mine, _ = measured("move: ours", lambda: [tree.way_to(end) for end in ends])
    sys.stdout.write(f"    four ways each; {theirs / mine:.1f} times as fast\n")


def taken_up(tool: type[Gesture], surface: Surface, **chosen: str | float | bool) -> Gesture:
    """Return a gesture on the middle slice."""
    held = Held(label=1, chosen=with_defaults(tool.options, chosen))
    return tool(surface, held, plane=0, index=N_SLICES // 2)


def on_disc(turn: float) -> Point:
    """Return a place on the rim of the large disc."""
    return N_SLICES / 2, 256 + 120 * np.sin(turn), 256 + 120 * np.cos(turn)


def time_livewire(surface: Surface) -> None:
    """Time the whole tool: clicks, moves and closing around the large disc."""
    clicks, moves = [], []
    for _ in range(3):
        wire = taken_up(Livewire, surface)
        wire.hover(on_disc(0))
        for number in range(6):
            begin = time.process_time()
            wire.press(on_disc(number))
            wire.release()
            clicks.append(1000 * (time.process_time() - begin))
            for part in np.linspace(0, 1, 12):
                begin = time.process_time()
                wire.hover(on_disc(number + part))
                _ = wire.preview
                moves.append(1000 * (time.process_time() - begin))
        begin = time.process_time()
        wire.confirm()
        closing = 1000 * (time.process_time() - begin)
        wire.cancel()
    for name, times in (("click", clicks), ("move", moves)):
        sys.stdout.write(
            f"  {'the tool: a ' + name:58s} {min(times):9.2f} {statistics.median(times):9.2f}"
            f"   95 %: {np.percentile(times, 95):.2f}\n"
        )
    sys.stdout.write(f"  {'the tool: close and fill':58s} {closing:9.2f}\n")


def time_level_tracing(surface: Surface, image: NDArray[np.float32]) -> None:
    """Time the line at the pointer over flat noise, where it is longest, and on an edge."""
    for name, at in (("on an edge", (256, 376)), ("in flat noise", (256, 256))):
        tracing = taken_up(LevelTracing, surface, side="brighter")
        place = (N_SLICES / 2, float(at[0]), float(at[1]))
        tracing.hover(place)
        measured(f"level tracing {name}: ours", partial(tracing.hover, place))

        def peer(at: tuple[int, int] = at) -> object:
            inside = flood(image >= image[at], at, connectivity=1)  # type: ignore[no-untyped-call]
            whole = ndimage.binary_fill_holes(inside).astype(float)
            return find_contours(whole, 0.5)  # type: ignore[no-untyped-call]

        measured(f"level tracing {name}: skimage flood, find_contours", peer, 5)


def time_growing(surface: Surface) -> None:
    """Time one move of a drag, and the volume when the button goes up."""
    import SimpleITK as sitk

    growing = taken_up(RegionGrowing, surface, radius_mm=500.0)
    seed = (N_SLICES // 2, 256, 256)
    growing.press((seed[0], 256.0, 256.0))
    growing.drag((seed[0], 256.0, 296.0))
    measured("region growing: a move", lambda: growing.drag((seed[0], 256.0, 296.0)))
    low, high = 60.0, 125.0
    tool = RegionGrowing(
        surface,
        Held(label=1, is_3d=True, chosen={"radius_mm": 500.0}),
        plane=0,
        index=seed[0],
    )
    mine, region = measured(
        f"region growing: {surface.mask.size / 1e6:.0f} million voxels, ours",
        lambda: tool.find(seed, (low, high), lambda: False),
        3,
    )
    given = sitk.GetImageFromArray(surface.values(surface.whole))
    theirs, found = measured(
        "region growing: SimpleITK ConnectedThreshold",
        lambda: sitk.ConnectedThreshold(given, seedList=[seed[::-1]], lower=low, upper=high),
        3,
    )
    n_theirs = int(np.count_nonzero(sitk.GetArrayViewFromImage(found)))
    sys.stdout.write(
        f"    {region.n_voxels:,d} and {n_theirs:,d} voxels; {theirs / mine:.1f} times as fast\n"
    )


def time_scissors(surface: Surface) -> None:
    """Time a cut through a volume that is full of labels."""
    surface.mask[...] = 1
    for operation in ("erase-inside", "erase-outside"):
        cut = taken_up(Scissors, surface, operation=operation)
        for turn in np.linspace(0, 6.2, 200):
            cut.press(on_disc(turn))
        begin = time.process_time()
        cut.take(cut.find(lambda: False))  # type: ignore[attr-defined]
        taken = 1000 * (time.process_time() - begin)
        sys.stdout.write(f"  {'scissors: ' + operation:58s} {taken:9.2f}\n")
        cut.cancel()


def measure_accuracy(noise: float, *, has_neighbour: bool) -> None:
    """Print how far outlines of five clicks, each up to 2 voxels off, lie from a disc's rim."""
    worst, means, dices = [], [], []
    row, column = np.indices((128, 128)) - 64
    away = np.hypot(row, column)
    for seed in range(10):
        random = np.random.default_rng(seed)
        sharp = 100.0 * (away < 40) + 300.0 * has_neighbour * (away > 47)
        image = ndimage.gaussian_filter(sharp, 1.5) + random.normal(0, noise, sharp.shape)
        mask = np.zeros((1, 128, 128), np.uint8)
        surface = Surface(mask=mask, image=np.rint(image[None]).astype(np.int16))
        held = Held(label=1, chosen=with_defaults(Livewire.options, {}))
        wire = Livewire(surface, held, plane=0, index=0)
        start = random.uniform(0, 6)
        for number in range(5):
            turn = start + 2 * np.pi * number / 5
            off = random.uniform(-2, 2, 2)
            wire.press((0.0, 64 + 40 * np.sin(turn) + off[0], 64 + 40 * np.cos(turn) + off[1]))
            wire.release()
        points = wire.preview.lines[0].points[:, 1:] - 64
        errors = np.abs(np.hypot(*points.T) - 40)
        worst.append(errors.max())
        means.append(errors.mean())
        wire.confirm()
        drawn = mask[0] == 1
        dices.append(2 * np.count_nonzero(drawn & (away < 40)) / (drawn.sum() + (away < 40).sum()))
    name = f"disc of contrast 100, noise {noise:g}" + (", edge of 300 beside" * has_neighbour)
    sys.stdout.write(
        f"  {name:58s} mean {np.mean(means):.2f}, worst {max(worst):.2f} voxels; Dice at least "
        f"{min(dices):.3f}\n"
    )


def main() -> None:
    """Print the table."""
    image = np.rint(make_slice())
    volume = np.repeat(image[None].astype(np.int16), N_SLICES, axis=0)
    random = np.random.default_rng(6)
    volume += random.integers(-8, 9, volume.shape, np.int8)
    volume[N_SLICES // 2] = image
    surface = Surface(
        mask=np.zeros(volume.shape, np.uint8), image=volume, spacing_mm=(1.0, *SPACING)
    )
    sys.stdout.write(f"512 x 512, ms\n  {'':58s} {'best':>9s} {'median':>9s}\n")
    compare_trees(image)
    time_livewire(surface)
    time_level_tracing(surface, image)
    time_growing(surface)
    time_scissors(surface)
    for noise, has_neighbour in ((10, False), (20, False), (50, False), (10, True), (25, True)):
        measure_accuracy(noise, has_neighbour=has_neighbour)


if __name__ == "__main__":
    main()
