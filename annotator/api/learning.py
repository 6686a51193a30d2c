"""The door of trainers: the readings of a project become a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from pydantic import BaseModel

    from annotator.api.cases import CaseVotes
    from annotator.api.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What was learned from the cases of a project.

    ``content`` is for the method alone, and holds all that it needs to go on (no pickles);
    ``summary`` tells a person what was learned, a sentence each; they read names of raters for
    their ids, and names of labels for ``label 3``. Where a person stopped the training,
    ``stopped_after`` is the round after which; to learn the same again, the parameter
    ``stop_after`` of the trainer is set to it.
    """

    content: bytes
    summary: tuple[str, ...] = ()
    stopped_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """What a trained model says of an image.

    Attributes
    ----------
    labels : tuple of int
        Background first: the first axis of ``probability``. Empty where the model draws nothing.
    probability : ndarray or None
        ``(label, z, y, x)`` float32; sums to 1 over labels.
    rater_ids : tuple of str
        The raters that the model learned from: the first axis of the two arrays below.
    rater_probability : ndarray or None
        What each rater would draw, ``(rater, label, z, y, x)`` float32.
    weights : ndarray or None
        How far each rater is believed, ``(rater, z, y, x)`` float32; sums to 1 over raters.
    difficulty : float or None
        How likely it is that raters will disagree on the case, 0 to 1.
    why : str
        One sentence on ``difficulty`` for the reviewer.
    """

    labels: tuple[int, ...] = ()
    probability: NDArray[np.float32] | None = None
    rater_ids: tuple[str, ...] = ()
    rater_probability: NDArray[np.float32] | None = None
    weights: NDArray[np.float32] | None = None
    difficulty: float | None = None
    why: str = ""


class WarmDrawing(Protocol):
    """A trained model that has taken in an image, and draws slice after slice at once."""

    labels: tuple[int, ...]

    def draw(self, trust: Mapping[str, float] | None, at: int) -> NDArray[np.float32]:
        """Return the probability of each label on slice ``at``, ``(label, y, x)``.

        The same as `Trainer.predict` gives there.
        """
        ...


class Trainer(Protocol):
    """Trains a model on the readings of a project. Runs in a process of its own.

    Attributes
    ----------
    takes_trust : bool
        Whether ``predict`` can be told how far to believe each rater.
    needs_target : bool
        Whether it aims at fusions (`CaseVotes.target`); otherwise it learns from the readings.
    draws : bool
        Whether a prediction holds a drawing; otherwise it holds a difficulty alone.
    """

    name: str
    title: str
    version: str
    parameters: type[BaseModel]
    takes_trust: bool
    needs_target: bool
    draws: bool

    def train(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        """Train on all cases; raises AnnotatorError, with the reason, where they do not do."""
        ...

    def predict(
        self,
        learned: bytes,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
        *,
        trust: Mapping[str, float] | None,
        progress: Progress,
    ) -> Prediction:
        """Read an image ``(z, y, x)`` or ``(z, y, x, channel)`` of modality values.

        ``trust`` says by rater id how far to believe each, from 0; None for all alike. Must not
        write to the image.
        """
        ...


@runtime_checkable
class WarmTrainer(Protocol):
    """A trainer whose models follow a slider of trust: the image is taken in once."""

    def warm(
        self,
        learned: bytes,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
    ) -> WarmDrawing:
        """Take in an image, as `Trainer.predict` does."""
        ...


class TrainingDesk(Protocol):
    """What somebody sees of a training that is under way, and says to it.

    What was kept at a desk is there again when the same training is started again after it was
    cancelled or its process was killed.
    """

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Add a point to each named curve, for example ``{"loss": 0.3, "Dice": 0.8}``."""
        ...

    def show_example(
        self,
        title: str,
        image: NDArray[np.float32],
        target: NDArray[np.unsignedinteger],
        drawn: NDArray[np.unsignedinteger],
    ) -> None:
        """Show a slice ``(y, x)`` of a case held out: its image, what is right, what was drawn."""
        ...

    def keep(self, checkpoint: bytes) -> None:
        """Keep all that is needed to go on from here, in place of what was kept before."""
        ...

    def kept(self) -> bytes | None:
        """Return what was kept last, or None where training begins anew."""
        ...

    def should_stop(self) -> bool:
        """Say whether a person wants training to end now, with the best so far."""
        ...


@runtime_checkable
class DeskTrainer(Protocol):
    """A trainer that shows its training at a desk, can be stopped there and goes on from it."""

    def train_at(
        self,
        cases: Sequence[CaseVotes],
        parameters: BaseModel,
        progress: Progress,
        desk: TrainingDesk,
    ) -> Learned:
        """Train as `Trainer.train` does; the same from start to end, or with breaks between."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BelievedLabels:
    """What several networks that check labels believe of an image.

    Attributes
    ----------
    labels : tuple of int
        Labels that they know, background first.
    most : ndarray
        The most that any of them gives each label, ``(label, z, y, x)`` float32: a label that has
        little of it is rejected by all.
    """

    labels: tuple[int, ...]
    most: NDArray[np.float32]


@runtime_checkable
class LabelChecker(Protocol):
    """A trainer whose models can tell which drawn labels are likely wrong."""

    def believed(
        self,
        learned: bytes,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
        progress: Progress,
    ) -> BelievedLabels:
        """Read an image as `Trainer.predict` does. Must not write to it."""
        ...
