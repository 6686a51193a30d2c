"""A trained model on the open review case: its drawing follows the sliders of trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from annotator.gui.contours import RaterContour
from annotator.gui.doubt_layer import DoubtLayer
from annotator.session.model_doubt import doubt_of, readings_with_doubt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.gui.background import Background
    from annotator.gui.model_panel import ModelPanel
    from annotator.gui.review_desk import ReviewDesk
    from annotator.session.session import Session
    from annotator.session.trained_models import WarmModel

LETTER = "T"


class ModelDesk(QObject):
    """Lives as long as the case is open; must be closed. Belongs to the window's thread.

    The model's process starts when its drawing is first shown. While a slider moves, only the slice
    that is looked at is drawn; answers that come late are dropped.
    """

    keep_wanted = Signal(str, str, object)
    """fit id, case id, trust by rater id"""
    foretell_wanted = Signal(str)
    """fit id"""

    def __init__(
        self, desk: ReviewDesk, panel: ModelPanel, session: Session, background: Background
    ) -> None:
        super().__init__(desk)
        self._desk = desk
        self._panel = panel
        self._session = session
        self._background = background
        self._warm: WarmModel | None = None
        self._warm_fit = ""
        self._shown: tuple[int, tuple[tuple[str, float], ...]] | None = None
        panel.shown.connect(self._switch)
        panel.trust_changed.connect(self._draw)
        panel.keep_wanted.connect(self._keep)
        panel.foretell_wanted.connect(self._foretell)
        self.doubt = DoubtLayer(
            background, self._with_doubt, self._doubt_of, desk.show_doubt, parent=self
        )
        self.doubt.told.connect(desk.hint_changed)
        desk.state_changed.connect(self._other_map)
        desk.canvas.position_changed.connect(lambda _: self._draw())
        self.refresh()

    def refresh(self) -> None:
        """Ask again which models there are, and what was foretold of the case."""
        session, case_id = self._session, self._desk.case.case.case_id

        def forecast() -> str:
            for one in session.store.forecasts():
                if one.case_id == case_id:
                    return f"Foretold difficulty {one.difficulty:.2f}. {one.why}"
            return ""

        self._background.run("trained models", session.trained_models, self._panel.set_models)
        self._background.run("forecast", forecast, self._panel.set_forecast)

    def _with_doubt(self) -> tuple[tuple[str, str], ...]:
        store, case_id = self._session.store, self._desk.case.case.case_id
        models = {one.rater_id: one.name for one in store.raters() if one.is_model}
        readings = [
            (entry.annotation_id, models[entry.rater_id])
            for entry in store.annotations(case_id)
            if entry.rater_id in models
        ]
        return readings_with_doubt(store, sorted(readings, key=lambda entry: entry[1]))

    def _doubt_of(self, annotation_id: str) -> NDArray[np.float32]:
        return doubt_of(self._session.store, annotation_id)

    def _other_map(self) -> None:
        if "doubt" not in self._desk.shown:
            self.doubt.forget()

    def toggle(self) -> None:
        """Show or hide what the model draws."""
        self._panel.show_drawing.toggle()

    def close(self) -> None:
        """End the model's process, and wait for no answer any more."""
        for key in ("model drawing", "trained models", "forecast", "doubt"):
            self._background.drop(key)
        self._end()

    def _end(self) -> None:
        self._background.drop("model drawing")
        if self._warm is not None:
            self._warm.close()
            self._warm = None

    def _switch(self, on: bool) -> None:
        self._shown = None
        model = self._panel.model
        if not on or model is None or not model.draws:
            self._background.drop("model drawing")
            self._desk.show_model(None)
            self._panel.words.setText("")
            return
        if self._warm is None or self._warm_fit != model.fit_id:
            self._end()
            self._panel.words.setText("The model is being loaded…")
            self._warm_fit = model.fit_id
            self._warm = self._session.warm_model(model.fit_id, self._desk.case.case.case_id)
        self._draw()

    def _draw(self) -> None:
        warm = self._warm
        if warm is None or not self._panel.show_drawing.isChecked():
            return
        at, trust = self._desk.canvas.position[0], self._panel.trust()
        wanted = (at, tuple(sorted(trust.items())))
        if wanted == self._shown:
            return
        self._shown = wanted
        self._background.run(
            "model drawing",
            lambda: warm.ask(trust, at),
            lambda section: self._show(section, at),
            self._could_not,
        )

    def _show(self, section: NDArray[np.unsignedinteger], at: int) -> None:
        mask = np.zeros(self._desk.case.series.geometry.shape, section.dtype)
        mask[at] = section[0]
        self._panel.words.setText("")
        self._desk.show_model(RaterContour(letter=LETTER, color="#ffffff", dash="dot", mask=mask))

    def _could_not(self, error: Exception) -> None:
        self._panel.show_drawing.setChecked(False)
        self._end()
        words = str(error)
        self._panel.words.setText(words[:1].upper() + words[1:])

    def _foretell(self) -> None:
        model = self._panel.model
        if model is not None:
            self.foretell_wanted.emit(model.fit_id)

    def _keep(self) -> None:
        model = self._panel.model
        if model is not None:
            case_id = self._desk.case.case.case_id
            self.keep_wanted.emit(model.fit_id, case_id, self._panel.trust())
