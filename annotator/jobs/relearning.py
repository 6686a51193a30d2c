"""What holds of learning again by a stored recipe, whatever it was that learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.domain.errors import AnnotatorError, IntegrityError

if TYPE_CHECKING:
    from annotator.domain.fit import Fit


def require_version(fit: Fit, installed: str) -> None:
    """Raise AnnotatorError where another version is installed than the one that learned."""
    recipe = fit.recipe
    if installed != recipe.version:
        raise AnnotatorError(
            f"fit {fit.fit_id[:12]}… was learned by {recipe.name} {recipe.version}; {installed} "
            "is installed, which may learn something else"
        )


def require_same(fit: Fit, again: Fit) -> None:
    """Raise IntegrityError where the same recipe came out differently."""
    if again.fit_id != fit.fit_id:
        raise IntegrityError(f"fit {fit.fit_id[:12]}… came out differently from the same recipe")
