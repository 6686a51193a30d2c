"""One pass of a network over one image: which windows it reads, in what order, how many at once."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.stitching import Stitcher, stitching_places
from annotator.analysis.window_grid import window_grid
from annotator.domain.errors import AnnotatorError
from annotator.jobs.network_sinks import MOST_PLAIN, ChanceSink, LabelSink

if TYPE_CHECKING:
    from collections.abc import Generator
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from annotator.analysis.network_output import OutputMeaning
    from annotator.analysis.network_space import NetworkSpace
    from annotator.analysis.window_grid import Place
    from annotator.api import Progress
    from annotator.jobs.network_running import RunningNetwork
    from annotator.jobs.network_settings import NetworkSettings
    from annotator.jobs.network_sinks import Seen

    Shape = tuple[int, int, int]
    Plan = list[tuple[Place, bool]]

_WORTH_SHARING = 2
"""Windows for each thread from which on threads read beside each other."""


class WindowReader:
    """One pass of a network over one image."""

    def __init__(
        self,
        running: RunningNetwork,
        meaning: OutputMeaning,
        settings: NetworkSettings,
        space: NetworkSpace,
        image: NDArray[np.float32],
        region: NDArray[np.bool_] | None,
        patch: Shape,
    ) -> None:
        overlap = running.card.overlap if settings.overlap is None else settings.overlap
        self._running = running
        self._meaning = meaning
        self._settings = settings
        self._space = space
        self._image = image
        self._grid = window_grid(space.size, patch, overlap)
        self._plan = [
            (place, region is None or self._grid.reaches(region, place))
            for place in stitching_places(self._grid)
        ]
        self.n_windows = len(self._plan)
        self.n_left_out = sum(not is_read for _, is_read in self._plan)

    def read(self, progress: Progress) -> Seen:
        """Read every window; raises MemoryError where one alone is too large."""
        n_all = self.n_windows - self.n_left_out
        sink: LabelSink | ChanceSink | None = None
        stitcher: Stitcher | None = None
        n_done = 0
        begin_s = time.monotonic()
        progress(0.0, f"window 1 of {n_all}")
        with closing(self._batches(n_all)) as batches:
            for part, found in batches:
                if sink is None or stitcher is None:
                    sink = self._sink(found.shape[1])
                    take = sink.take
                    stitcher = Stitcher(self._grid, sink.n_channels, take, weighed=sink.weighed)
                values = iter(found)
                for _, is_read in part:
                    if is_read:
                        stitcher.add(sink.select(next(values)))
                    else:
                        stitcher.skip()
                n_done += len(found)
                left_s = (time.monotonic() - begin_s) / n_done * (n_all - n_done)
                progress(n_done / n_all, f"window {n_done} of {n_all}{_time_left(left_s)}")
        if sink is None:
            raise AnnotatorError("there is nothing to read")
        return sink.seen()

    def _batches(self, n_all: int) -> Generator[tuple[Plan, NDArray[np.float32]]]:
        """Yield the windows in order, some at a time, and what the network gives for them."""
        plan, running = self._plan, self._running
        n_beside = running.n_beside if n_all >= _WORTH_SHARING * running.n_beside else 1
        at = 0
        if n_beside == 1:
            while at < len(plan):
                stop = _batch_end(plan, at, running.batch)
                yield plan[at:stop], self._read_part(plan[at:stop])
                at = stop
            return
        with ThreadPoolExecutor(n_beside, thread_name_prefix="windows") as pool:
            waiting: deque[tuple[Plan, Future[NDArray[np.float32]]]] = deque()
            try:
                while at < len(plan) or waiting:
                    while at < len(plan) and len(waiting) <= n_beside:
                        stop = _batch_end(plan, at, running.batch)
                        part = plan[at:stop]
                        waiting.append((part, pool.submit(self._read_part, part, is_beside=True)))
                        at = stop
                    part, future = waiting.popleft()
                    yield part, future.result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _read_part(self, part: Plan, *, is_beside: bool = False) -> NDArray[np.float32]:
        places = [place for place, is_read in part if is_read]
        if not places:
            return np.empty((0, 0, 0, 0, 0), np.float32)
        windows = np.stack([self._grid.cut(self._image, place) for place in places])
        return self._running.read(windows, is_beside=is_beside)

    def _sink(self, n_channels: int) -> LabelSink | ChanceSink:
        needs_chances = self._settings.keep_maps or self._space.is_resampled
        if needs_chances or not self._meaning.is_plain or n_channels > MOST_PLAIN:
            return ChanceSink(
                self._space,
                self._meaning,
                n_channels,
                tells_disagreement=self._running.tells_disagreement,
                keeps_maps=self._settings.keep_maps,
            )
        return LabelSink(self._space, self._meaning, n_channels)


def _batch_end(plan: Plan, first: int, batch: int) -> int:
    """Return where the next windows to read at once end, with what is left out among them."""
    n_read = 0
    for at in range(first, len(plan)):
        n_read += plan[at][1]
        if n_read == batch:
            return at + 1
    return len(plan)


def _time_left(seconds: float) -> str:
    if seconds < 1:
        return ""
    if seconds < 90:
        return f", about {seconds:.0f} s left"
    if seconds < 5400:
        return f", about {seconds / 60:.0f} min left"
    return f", about {seconds / 3600:.1f} h left"
