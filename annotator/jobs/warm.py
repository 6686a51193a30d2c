"""A trained model that answers at once, in its own process: a crash takes no drawing with it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


class WarmModel:
    """A trained model on one case. May be called from any thread; one request at a time.

    Must be closed before it is dropped.
    """

    def __init__(self, location: str, fit_id: str, case_id: str) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "annotator.jobs.warm_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._ready = False
        # By the input, not the command line: a URL may hold a password.
        try:
            self._send({"location": location, "fit": fit_id, "case": case_id})
        except AnnotatorError:
            self.close()
            raise

    def ask(self, trust: Mapping[str, float], at: int | None = None) -> NDArray[np.unsignedinteger]:
        """Return the mask that the model draws, told by rater id how far to believe each.

        The whole grid ``(z, y, x)``, or slice ``at`` of it ``(1, y, x)``. Raises AnnotatorError
        where the model cannot, or its process has ended.
        """
        with self._lock:
            if not self._ready:
                self._receive()
                self._ready = True
            self._send({"trust": dict(trust), "slice": at})
            header = self._receive()
            dtype = np.dtype(header["dtype"])
            size = int(np.prod(header["shape"])) * dtype.itemsize
            content = self._process.stdout.read(size) if self._process.stdout else b""
            if len(content) < size:
                raise AnnotatorError(self._epitaph())
            return np.frombuffer(content, dtype).reshape(header["shape"])

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # what was not sent yet cannot be sent any more
                    stream.close()

    def __enter__(self) -> Self:
        """Return the model itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    def _send(self, request: Mapping[str, object]) -> None:
        try:
            if self._process.stdin is not None:
                self._process.stdin.write(json.dumps(request).encode() + b"\n")
                self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise AnnotatorError(self._epitaph()) from error

    def _receive(self) -> dict[str, Any]:
        try:
            line = self._process.stdout.readline() if self._process.stdout else b""
        except ValueError:  # closed meanwhile
            line = b""
        if not line:
            raise AnnotatorError(self._epitaph())
        header: dict[str, Any] = json.loads(line)
        if "error" in header:
            raise AnnotatorError(header["error"])
        return header

    def _epitaph(self) -> str:
        code = self._process.poll()
        ended = "" if code is None else f" with code {code}"
        return f"the process of the trained model ended{ended}; nothing was lost, show it again"
