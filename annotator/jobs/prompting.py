"""A prompt model ready to answer, in a process of its own: a crash takes no drawing with it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from annotator.api import PromptAnswer, no_progress
from annotator.domain.errors import AnnotatorError
from annotator.jobs.prompt_worker import NUMBER_BYTES
from annotator.jobs.shared_arrays import array_in, forget_name, get_bytes, make_shared, put_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.shared_memory import SharedMemory

    from numpy.typing import NDArray

    from annotator.api import Progress, Prompt
    from annotator.domain.study import Series


class PromptDesk:
    """A prompt model and the image that it is asked about.

    May be called from any thread; one request at a time. Where a newer question came meanwhile, or
    `cancel`, the older one is answered with None. A process that has ended is told in words; the
    next question starts another one. Must be closed before it is dropped.
    """

    def __init__(self, model: str, *, progress: Progress = no_progress) -> None:
        self._model = model
        self._progress = progress
        self._lock = threading.RLock()
        self._numbers = threading.Lock()
        self._number = 0
        self._image: tuple[NDArray[Any], Series] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._memory: SharedMemory | None = None
        self._is_ready = False
        self._is_closed = False

    def start(self) -> None:
        """Start the process now, and not with the first image; returns at once."""
        with self._lock:
            if self._is_closed:
                raise AnnotatorError("this prompt model is closed; choose it again")
            if self._process is not None and self._process.poll() is None:
                return
            self._end()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "annotator.jobs.prompt_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._send({"model": self._model})

    def take_in(self, voxels: NDArray[Any], series: Series) -> None:
        """Give it an image, stored values ``(z, y, x[, channel])``; waits until it has it.

        Returns at once where it holds this very array already.
        """
        with self._lock:
            is_new = self._image is None or self._image[0] is not voxels
            self._image = (voxels, series)
            if is_new or not self._holds_image:
                self._hand_over()

    @property
    def _holds_image(self) -> bool:
        process = self._process
        return self._memory is not None and process is not None and process.poll() is None

    def answer(self, prompts: tuple[Prompt, ...]) -> PromptAnswer | None:
        """Return what all the prompts so far mean; None where nobody waits for it any more.

        Raises AnnotatorError where they say too little, or the process has ended.
        """
        number = self._next()
        with self._lock:
            if number != self._number:
                return None
            if self._image is None:
                raise AnnotatorError("the prompt model has no image yet")
            if not self._holds_image:
                self._hand_over()
            self._send({"number": number, "prompts": [asdict(prompt) for prompt in prompts]})
            reply = self._receive()
            if number != self._number or "box" not in reply:
                return None
            return self._mask(reply["box"])

    def cancel(self) -> None:
        """Wait for no answer any more; the model stops where it can."""
        self._next()

    def close(self) -> None:
        """End the process, also while it works."""
        self._is_closed = True
        self._next()
        process = self._process
        if process is not None:
            process.kill()  # whoever waits for an answer is told so, and lets the lock go
        with self._lock:
            self._end()
            self._image = None

    def __enter__(self) -> Self:
        """Return the desk itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    def _next(self) -> int:
        with self._numbers:
            self._number += 1
            if self._memory is not None:
                put_bytes(self._memory, 0, self._number.to_bytes(NUMBER_BYTES, "little"))
            return self._number

    def _hand_over(self) -> None:
        if self._image is None:
            return
        self.start()
        if not self._is_ready:
            self._receive()
            self._is_ready = True
        voxels, series = self._image
        n_voxels = int(np.prod(voxels.shape[:3]))
        given = make_shared(voxels.nbytes)
        try:
            answers = make_shared(NUMBER_BYTES + -(-n_voxels // 8))
        except AnnotatorError:
            forget_name(given)
            given.close()
            raise
        try:
            array_in(given, voxels.shape, voxels.dtype.str)[...] = voxels
            with self._numbers:
                self._let_go()
                self._memory = answers
                number = self._number
                put_bytes(answers, 0, number.to_bytes(NUMBER_BYTES, "little"))
            facts = {
                "image": given.name,
                "answers": answers.name,
                "shape": voxels.shape,
                "dtype": voxels.dtype.str,
                "slope": series.slope,
                "intercept": series.intercept,
                "spacing_mm": series.geometry.spacing_mm,
                "number": number,
            }
            self._send({"take": facts})
            self._receive()
        except AnnotatorError:
            self._release()
            raise
        finally:
            forget_name(given)
            forget_name(answers)
            given.close()
        try:
            taken = self._receive()
        except AnnotatorError:
            self._release()
            raise
        if "taken" not in taken:
            self._release()

    def _mask(self, told: list[list[int]]) -> PromptAnswer:
        (z0, y0, x0), (z1, y1, x1) = told
        shape = (z1 - z0, y1 - y0, x1 - x0)
        n_voxels = int(np.prod(shape))
        if self._memory is None:
            raise AnnotatorError(self._epitaph())
        n_bytes = -(-n_voxels // 8)
        packed = get_bytes(self._memory, NUMBER_BYTES, n_bytes)
        bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=n_voxels)
        return PromptAnswer(box=((z0, y0, x0), (z1, y1, x1)), mask=bits.view(bool).reshape(shape))

    def _send(self, request: Mapping[str, object]) -> None:
        stream = self._process.stdin if self._process is not None else None
        try:
            if stream is None:
                raise AnnotatorError(self._epitaph())
            stream.write(json.dumps(request).encode() + b"\n")
            stream.flush()
        except (OSError, ValueError) as error:
            raise AnnotatorError(self._epitaph()) from error

    def _receive(self) -> dict[str, Any]:
        """Return the next line that is not about progress; raises AnnotatorError with the words."""
        while True:
            stream = self._process.stdout if self._process is not None else None
            try:
                line = stream.readline() if stream is not None else b""
            except ValueError:  # closed meanwhile
                line = b""
            if not line:
                told = self._epitaph()
                self._end()
                raise AnnotatorError(told)
            reply: dict[str, Any] = json.loads(line)
            if "progress" in reply:
                self._progress(reply["progress"], reply["words"])
            elif "error" in reply:
                raise AnnotatorError(reply["error"])
            else:
                return reply

    def _release(self) -> None:
        with self._numbers:
            self._let_go()

    def _let_go(self) -> None:
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    def _end(self) -> None:
        process, self._process = self._process, None
        self._is_ready = False
        self._release()
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # what was not sent yet cannot be sent any more
                    stream.close()

    def _epitaph(self) -> str:
        code = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(timeout=1)
        ended = "" if code is None else f" with code {code}"
        return (
            f"the process of the prompt model ended{ended}; nothing drawn was lost, and the next "
            "prompt starts it again"
        )
