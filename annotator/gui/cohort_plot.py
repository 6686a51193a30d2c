"""How raters agree over all cases, as histograms. Imports matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("QtAgg", force=False)

import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from qtpy.QtCore import QEvent

from annotator.gui.report_plot import COLORS
from annotator.gui.theme import shown_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.session.report import CaseAgreement

HEIGHT = 200
_BINS = np.linspace(0.0, 1.0, 41)


class CohortPlot(FigureCanvasQTAgg):
    """Two histograms over cases: overlap of raters, and their chance-corrected agreement."""

    def __init__(self) -> None:
        self._cases: Sequence[CaseAgreement] = ()
        super().__init__(Figure(layout="constrained"))  # type: ignore[no-untyped-call]
        self.setFixedHeight(HEIGHT)
        self.setAccessibleName("Agreement over all cases")
        self.setToolTip("How many cases agree how well. The dashed line is the median.")

    def show_cases(self, cases: Sequence[CaseAgreement]) -> None:
        """Draw these cases in the colours of the theme."""
        self._cases = cases
        tokens = shown_tokens()
        figure = self.figure
        figure.clear()
        figure.set_facecolor(tokens.window)
        parts = (
            ("Mean Dice of pairs of raters", [case.mean_dice for case in cases]),
            ("Fleiss' kappa over voxels", [case.kappa for case in cases]),
        )
        for place, (axes, (title, values)) in enumerate(
            zip(figure.subplots(1, 2, sharey=True), parts, strict=True)
        ):
            known = np.array([value for value in values if value is not None])
            axes.set_facecolor(tokens.panel)
            axes.hist(known.clip(0.0, 1.0), _BINS, color=COLORS[place])
            if len(known):
                axes.axvline(np.median(known), color=tokens.text, linewidth=1.2, linestyle="--")
            axes.set_xlim(0.0, 1.0)
            axes.set_xlabel(title, color=tokens.text)
            axes.yaxis.get_major_locator().set_params(integer=True)
            axes.tick_params(colors=tokens.text, labelsize="small")
            for spine in axes.spines.values():
                spine.set_color(tokens.border)
            if not place:
                axes.set_ylabel("Cases", color=tokens.text)
        self.draw_idle()  # type: ignore[no-untyped-call]

    def changeEvent(self, event: QEvent) -> None:
        """Draw in the colours of the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._cases:
            self.show_cases(self._cases)
