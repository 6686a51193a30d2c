"""The part of a store for what was learned from readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.store import fits
from annotator.store.access import Access

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.fit import Fit, FitRecipe, Forecast


class FitAccess(Access):
    """Fits and forecasts."""

    def add_fit(
        self, recipe: FitRecipe, *, content: bytes, summary: Sequence[str], actor: str
    ) -> Fit:
        """Keep what was learned; something else for a known recipe is an IntegrityError."""
        return self._write(actor, fits.add, recipe, content=content, summary=summary)

    def fit_of(self, recipe: FitRecipe) -> Fit | None:
        """Return what was learned by a recipe, or None."""
        return self._read(fits.of_recipe, recipe)

    def fits(self) -> tuple[Fit, ...]:
        """Return all fits, newest last."""
        return self._read(fits.every)

    def fit(self, fit_id: str) -> Fit:
        """Return one fit, by its id or by as many first characters of it as are unique."""
        return self._read(fits.read, fit_id)

    def fit_content(self, fit_id: str) -> bytes:
        """Return what was learned."""
        return self._read(fits.read_content, fit_id)

    def put_forecast(self, forecast: Forecast, *, actor: str) -> None:
        """Keep what a fit says of a case, in place of what it said before."""
        self._write(actor, fits.put_forecast, forecast)

    def forecasts(self) -> tuple[Forecast, ...]:
        """Return what the newest fit that foretold each case says of it, hardest first."""
        return self._read(fits.read_forecasts)
