"""The way to torch: imported when a network is opened, or missed in words."""

from __future__ import annotations

from annotator.domain.errors import AnnotatorError


def require_torch(what: str) -> None:
    """Raise AnnotatorError, saying how to get it, where torch is not installed."""
    try:
        import torch  # noqa: F401 - imported to see whether it can be
    except ImportError as error:
        raise AnnotatorError(
            f"{what} needs PyTorch, which cannot be imported ({error}); install it with: "
            "pip install 'annotator[torch]'"
        ) from error
