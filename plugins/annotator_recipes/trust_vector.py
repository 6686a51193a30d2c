"""A network that draws as told to trust each rater: a slider a rater, the drawing follows."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.soft_overlap import soft_dice
from annotator.api import Learned, Prediction, no_progress
from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator_recipes.images import image_slices
from annotator_recipes.reading_slices import NetworkParameters, gather_readings, refuse_target
from annotator_recipes.torch_door import (
    load_state,
    pick_device,
    require_torch,
    seed_everything,
    state_arrays,
)
from annotator_recipes.weights import from_bytes, to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from pydantic import BaseModel

    from annotator.api import CaseVotes, Progress
    from annotator_recipes.reading_slices import ReadingSlices

    Floats = NDArray[np.float32]

_KIND = "trust-vector"
_TITLE = "Network told whom to trust"
_KEPT_SLICES = 48


class TrustVectorParameters(NetworkParameters):
    """What may be set for a network that is told whom to trust."""


class WarmTrust:
    """A trained network held ready: an image once, then a drawing for each trust.

    The way down of the network is gone once for each slice and kept (48 slices at most); a change
    of trust costs the way up alone. Not for several threads at once.
    """

    def __init__(self, network: Any, device: Any, facts: Mapping[str, Any]) -> None:  # noqa: ANN401
        self._network = network
        self._device = device
        self._facts = facts
        self.rater_ids: tuple[str, ...] = tuple(facts["raters"])
        self.labels: tuple[int, ...] = tuple(facts["labels"])
        self._features: OrderedDict[int, Any] = OrderedDict()
        self._slices: Floats | None = None

    @classmethod
    def load(cls, learned: bytes) -> WarmTrust:
        """Return what was learned; raises AnnotatorError where it is something else."""
        torch = require_torch(_TITLE)
        facts, arrays = from_bytes(learned)
        if facts.get("kind") != _KIND:
            raise AnnotatorError(f"this is no network that is told trust: {facts.get('kind')!r}")
        from annotator_recipes.trust_vector_net import TrustNet

        network = TrustNet(
            facts["n_in"], len(facts["raters"]), len(facts["labels"]), facts["widths"]
        )
        load_state(network, "network", arrays)
        device = pick_device(torch)
        return cls(network.to(device).eval(), device, facts)

    def set_image(self, image: Floats, spacing_mm: tuple[float, float, float]) -> None:
        """Take an image ``(z, y, x)`` or ``(z, y, x, channel)`` of modality values."""
        self._features.clear()
        self._slices, self._frame = image_slices(
            image, spacing_mm, size=self._facts["size"], n_channels=self._facts["n_in"]
        )
        self._shape = image.shape[:3]

    def draw(self, trust: Mapping[str, float] | None, z: int) -> Floats:
        """Return the probability of each label on one slice, ``(label, y, x)``."""
        import torch

        vector = torch.from_numpy(self.vector(trust)[None]).to(self._device)
        with torch.inference_mode():
            logits = self._network.draw(self._seen(z), vector)
            return self._frame.to_grid(logits.softmax(dim=1)[0].cpu().numpy())

    def predict(
        self, trust: Mapping[str, float] | None, progress: Progress = no_progress
    ) -> Prediction:
        """Return the drawing of the whole image, with raters trusted so; None for all alike."""
        n_slices = self._shape[0]
        probability = np.empty((len(self.labels), *self._shape), np.float32)
        for z in range(n_slices):
            progress(z / n_slices, "reading slices")
            probability[:, z] = self.draw(trust, z)
        return Prediction(labels=self.labels, probability=probability, rater_ids=self.rater_ids)

    def vector(self, trust: Mapping[str, float] | None) -> Floats:
        """Return trust as shares that sum to 1, ``(rater,)``; who is not named has none."""
        if trust is None:
            return np.full(len(self.rater_ids), 1.0 / len(self.rater_ids), np.float32)
        for rater_id, weight in trust.items():
            if rater_id not in self.rater_ids:
                raise UnknownNameError("rater learned from", rater_id, self.rater_ids)
            if not (math.isfinite(weight) and weight >= 0):
                raise AnnotatorError(f"trust in {rater_id!r} is {weight}; it runs from 0 upwards")
        given = np.array([trust.get(one, 0.0) for one in self.rater_ids])
        if not given.sum():
            raise AnnotatorError("no rater is trusted at all; trust at least one")
        return np.asarray(given / given.sum(), np.float32)

    def _seen(self, z: int) -> Any:  # noqa: ANN401 - features of torch
        import torch

        if self._slices is None:
            raise AnnotatorError("there is no image to read yet")
        if z not in self._features:
            image = torch.from_numpy(self._slices[z : z + 1]).to(self._device)
            self._features[z] = self._network.encoder(image)
            if len(self._features) > _KEPT_SLICES:
                self._features.popitem(last=False)
        self._features.move_to_end(z)
        return self._features[z]


class TrustVectorTrainer:
    """Trains a network that is told how far to trust each rater (after MRNet, CVPR 2021)."""

    name = "trust-vector"
    title = _TITLE
    version = "1"
    parameters: type[BaseModel] = TrustVectorParameters
    takes_trust = True
    needs_target = False
    draws = True

    def __init__(self) -> None:
        self._warm: tuple[tuple[bytes, bytes], WarmTrust] | None = None

    def train(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        """Train on all cases; raises AnnotatorError where they do not do."""
        settings = TrustVectorParameters.model_validate(parameters.model_dump())
        torch = require_torch(self.title)
        refuse_target(cases, self.title)
        data = gather_readings(cases, settings, self.title, progress)
        from annotator_recipes.trust_vector_training import train_trust

        seed_everything(torch, settings.seed)
        device = pick_device(torch)
        network, rounds, judged = train_trust(data, settings, device, progress)
        facts = {
            "kind": _KIND,
            "raters": data.rater_ids,
            "labels": data.labels,
            "n_in": data.image.shape[1],
            "size": settings.size,
            "widths": settings.widths,
        }
        return Learned(
            content=to_bytes(facts, state_arrays(network, "network")),
            summary=(rounds.sentence(), *_fidelity(network, device, data, judged)),
        )

    def predict(
        self,
        learned: bytes,
        image: Floats,
        spacing_mm: tuple[float, float, float],
        *,
        trust: Mapping[str, float] | None,
        progress: Progress,
    ) -> Prediction:
        """Read an image; the same image again, with other trust, is much faster."""
        return self.warm(learned, image, spacing_mm).predict(trust, progress)

    def warm(
        self, learned: bytes, image: Floats, spacing_mm: tuple[float, float, float]
    ) -> WarmTrust:
        """Return the network with the image taken in; the last one is kept."""
        model, seen = (
            hashlib.blake2b(learned),
            hashlib.blake2b(repr((image.shape, spacing_mm)).encode()),
        )
        seen.update(np.ascontiguousarray(image).data)
        key = (model.digest(), seen.digest())
        if self._warm is None or self._warm[0] != key:
            is_same_model = self._warm is not None and self._warm[0][0] == key[0]
            warm = self._warm[1] if self._warm and is_same_model else WarmTrust.load(learned)
            warm.set_image(image, spacing_mm)
            self._warm = (key, warm)
        return self._warm[1]


def _fidelity(
    network: Any,  # noqa: ANN401 - a torch module
    device: Any,  # noqa: ANN401 - a torch.device
    data: ReadingSlices,
    rows: NDArray[np.int64],
) -> Iterator[str]:
    """Tell how well each rater alone is drawn on cases held out, beside all alike."""
    import torch

    readings, present = data.readings(rows), data.present[rows]
    n_raters = len(data.rater_ids)

    def drawn(trust: Floats, row: int) -> Floats:
        image = torch.from_numpy(data.image[row : row + 1]).to(device)
        told = torch.from_numpy(trust[None]).to(device)
        with torch.inference_mode():
            found: Floats = network(image, told).softmax(dim=1)[0, 1:].cpu().numpy()
        return found

    even = np.full(n_raters, 1.0 / n_raters, np.float32)
    for place, rater_id in enumerate(data.rater_ids):
        own = np.flatnonzero(present[:, place])
        if not len(own):
            continue
        said = readings[own, place, 1:]
        alone = np.eye(n_raters, dtype=np.float32)[place]
        overlap = [
            soft_dice(np.stack([drawn(trust, int(rows[row])) for row in own]), said)
            for trust in (alone, even)
        ]
        yield (
            f"Soft Dice with what {rater_id} drew, on cases held out: {overlap[0]:.3f} trusting "
            f"{rater_id} alone, {overlap[1]:.3f} trusting all alike."
        )
