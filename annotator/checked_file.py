"""Files that appear under their name only when they were written and checked."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NEARLY_FULL = 1 << 16


@contextmanager
def checked_file(target: Path) -> Iterator[Path]:
    """Yield a name beside ``target``; it takes the target's place when the block ends well.

    On any error nothing is left behind, and what stood at ``target`` before still stands there.
    """
    part = target.with_name(f".writing-{os.getpid()}-{target.name}")
    try:
        part.touch()
        yield part
        os.replace(part, target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise AnnotatorError(f"cannot write {target}: {reason}") from error
    except RuntimeError as error:  # what ITK raises
        raise AnnotatorError(f"cannot write {target}: {_why(target, error)}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _why(target: Path, error: Exception) -> str:
    if shutil.disk_usage(target.parent).free < _NEARLY_FULL:
        return "the disk is full"
    return str(error).strip().splitlines()[-1]
