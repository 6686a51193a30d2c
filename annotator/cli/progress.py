"""How far a command is, on one line of a terminal."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from types import TracebackType


class Progress:
    """Shows a fraction and a message where the stream is a terminal; silent elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_shown = stream.isatty()
        self._last = ""

    def __call__(self, fraction: float, message: str) -> None:
        """Show how far it is, from 0 to 1."""
        if not self._is_shown:
            return
        width = shutil.get_terminal_size().columns - 1
        line = f"{fraction:4.0%} {message}"[:width]
        if line != self._last:
            self._stream.write(f"\r{line:{width}}")
            self._stream.flush()
            self._last = line

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the line away."""
        if self._last:
            self._stream.write(f"\r{'':{shutil.get_terminal_size().columns - 1}}\r")
            self._stream.flush()
