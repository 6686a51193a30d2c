"""Errors that a person can act on."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class AnnotatorError(Exception):
    """A problem that is told to the user in words; never shown as a traceback."""


class UnknownNameError(AnnotatorError):
    """A name that nothing goes by; says what exists and what was probably meant.

    Parameters
    ----------
    kind : str
        What was looked for, singular, for example ``"fusion method"``.
    given : str
        The name as it was given.
    available : iterable of str
        The names that exist.
    """

    def __init__(self, kind: str, given: str, available: Iterable[str]) -> None:
        names = sorted(available)
        close = get_close_matches(given, names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        listed = ", ".join(names) if names else "none"
        super().__init__(f"no {kind} {given!r}{hint} Available: {listed}.")


class GeometryMismatchError(AnnotatorError):
    """Two arrays that should share a grid do not."""


class UnreadableError(AnnotatorError):
    """A file that cannot be read as an image, with the reason."""


class IntegrityError(AnnotatorError):
    """Stored content does not match its hash."""


class AccessDeniedError(AnnotatorError):
    """The person may not see or do this, for example because the case is blinded."""


class ConflictError(AnnotatorError):
    """Somebody else has changed in the meantime what was to be changed."""


class CancelledError(AnnotatorError):
    """A job stopped because it was asked to."""


class UnsuitableError(AnnotatorError):
    """Something that a format or a method cannot hold; the others are not affected."""


class DeviceLostError(AnnotatorError):
    """A graphics processor does not answer any more; what it was doing can be done elsewhere."""
