"""The card of a network that a user brings, as a form: what its files say, to be corrected."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import Field, create_model
from qtpy.QtWidgets import QVBoxLayout, QWidget

from annotator.gui.buttons import label
from annotator.gui.parameter_form import ParameterForm

if TYPE_CHECKING:
    from pydantic import BaseModel

    from annotator.api.networks import Intensity, NetworkCard

CARD_FIELDS = {
    "title": "what it is called in this project",
    "licence": "what its author allows; empty where nobody says",
    "spacing_mm": "voxels it was trained at, [z, y, x] in mm; empty: as the image comes",
    "activation": "what makes probabilities of what it gives out",
    "trained_on": "which images it learned from",
    "source": "where it comes from",
    "intended_use": "what its author made it for",
    "limits": "what it is known not to do",
    "n_dims": "2 where it reads slices, 3 where it reads volumes",
    "n_channels": "channels that it takes in",
    "patch": "sides of its windows, [z, y, x] or [y, x]; empty where any size will do",
    "multiple": "sides of a window must be multiples of it",
    "axes": "order of the axes that it takes in",
    "orientation": "directions that its axes were trained in, such as RAS; empty: as they come",
    "overlap": "share of a window that the next one covers again",
    "flips": "axes along which flipped images are averaged, of z, y, x",
}
"""Field of a card → what it is, in the order of the form."""
INTENSITY_FIELDS = {
    "scaling": "how values become what it takes in",
    "clip": "values are first held within these, [low, high]",
    "low": "value, or percentile, that becomes 0",
    "high": "value, or percentile, that becomes 1",
    "mean": "mean that is taken off; empty: that of the image",
    "deviation": "what is divided by; empty: that of the image",
}


class NetworkCardForm(QWidget):
    """Fields of the card, and of how intensities are scaled; outputs have a table of their own."""

    def __init__(self, card: NetworkCard, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._card = card
        self.card = ParameterForm(_as_model(card, CARD_FIELDS))
        self.intensity = ParameterForm(_as_model(card.intensity, INTENSITY_FIELDS))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self.card)
        layout.addWidget(label("Grey levels", "section"))
        layout.addWidget(self.intensity)

    def corrections(self) -> dict[str, object]:
        """Return the fields that the user knows better; raises AnnotatorError in words."""
        found = self.card.values()
        scaled = self.intensity.values()
        if scaled:
            found["intensity"] = {**asdict(self._card.intensity), **scaled}
        return found


def _as_model(facts: NetworkCard | Intensity, fields: dict[str, str]) -> type[BaseModel]:
    """Return a model with the fields of a dataclass, whose defaults are what it holds."""
    hints = get_type_hints(type(facts))
    given: dict[str, Any] = {
        name: (hints[name], Field(default=getattr(facts, name), description=about))
        for name, about in fields.items()
    }
    made: type[BaseModel] = create_model("CardFields", **given)
    return made
