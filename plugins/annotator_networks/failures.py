"""What the errors of libraries that run networks mean."""

from __future__ import annotations

import re

from annotator.domain.errors import AnnotatorError, DeviceLostError

_NO_MEMORY = re.compile(
    r"out of memory|can't allocate memory|cannot allocate memory|not enough memory"
    r"|failed to allocate|ALLOC_FAILED|CUDNN_STATUS_NOT_INITIALIZED|bad_alloc|bad allocation",
    re.IGNORECASE,
)
_LOST = re.compile(
    r"CUDA (error|failure)|CUDA driver|device-side assert|device lost|device is lost|ECC error"
    r"|CUDNN_STATUS_(EXECUTION|INTERNAL|MAPPING)|CUDNN failure|CUBLAS failure"
    r"|CUBLAS_STATUS_(EXECUTION|INTERNAL)|NVML|HIP error|MPS.*(command buffer|device)",
    re.IGNORECASE,
)


def told(error: Exception, doing: str) -> Exception:
    """Return what an error of a library means: MemoryError, DeviceLostError or AnnotatorError.

    ``doing`` says in words what was being done.
    """
    if isinstance(error, AnnotatorError | MemoryError):
        return error
    words = str(error).strip()
    first = words.splitlines()[0][:500] if words else type(error).__name__
    if type(error).__name__ == "OutOfMemoryError" or _NO_MEMORY.search(words):
        return MemoryError(f"{doing}: {first}")
    if type(error).__name__ == "AcceleratorError" or _LOST.search(words):
        return DeviceLostError(f"{doing}: the device does not answer any more ({first})")
    return AnnotatorError(f"{doing}: {type(error).__name__}: {first}")
