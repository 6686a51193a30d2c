"""Trained networks of self-calibration, ready to be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.domain.errors import AnnotatorError
from annotator_recipes.images import image_slices
from annotator_recipes.torch_door import load_state, pick_device, require_torch
from annotator_recipes.weights import from_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from annotator_recipes.images import Frame

    Floats = NDArray[np.float32]

KIND = "self-calibration"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibratedPass:
    """One pass over slices, as probabilities on working pixels.

    ``estimate`` is ``(slice, label, y, x)``, ``drawn`` ``(slice, rater, label, y, x)`` and
    ``weight`` ``(slice, rater, y, x)``.
    """

    estimate: Floats
    drawn: Floats
    weight: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibrated:
    """Trained networks, ready to be asked."""

    network: Any
    device: Any
    facts: Mapping[str, Any]

    @classmethod
    def load(cls, learned: bytes) -> Calibrated:
        """Return what was learned; raises AnnotatorError where it is something else."""
        torch = require_torch("Self-calibration")
        facts, arrays = from_bytes(learned)
        if facts.get("kind") != KIND:
            raise AnnotatorError(f"this was not learned by self-calibration: {facts.get('kind')!r}")
        from annotator_recipes.self_calibration_training import build_network

        device = pick_device(torch)
        network = build_network(facts)
        load_state(network, "network", arrays)
        return cls(network=network.to(device).eval(), device=device, facts=facts)

    @property
    def rater_ids(self) -> tuple[str, ...]:
        """The raters that were learned from."""
        return tuple(self.facts["raters"])

    @property
    def labels(self) -> tuple[int, ...]:
        """The labels that were learned, background first."""
        return tuple(self.facts["labels"])

    def slices(self, image: Floats, spacing_mm: tuple[float, float, float]) -> tuple[Floats, Frame]:
        """Return an image as slices that the networks read, and where those lie."""
        return image_slices(
            image, spacing_mm, size=self.facts["size"], n_channels=self.facts["n_in"]
        )

    def ask(
        self, slices: Floats, *, present_only: NDArray[np.bool_] | None
    ) -> list[CalibratedPass]:
        """Return every pass over ``(slice, channel, size, size)``.

        ``present_only`` says whom to believe at all, ``(rater,)``; None for everyone.
        """
        import torch

        whom = np.ones(len(self.rater_ids), np.bool_) if present_only is None else present_only
        present = torch.from_numpy(np.repeat(whom[None], len(slices), axis=0)).to(self.device)
        with torch.inference_mode():
            passes = self.network(torch.from_numpy(slices).to(self.device), present)
            return [
                CalibratedPass(
                    estimate=each.estimate.softmax(dim=1).cpu().numpy(),
                    drawn=each.drawn.softmax(dim=2).cpu().numpy(),
                    weight=each.weight.cpu().numpy(),
                )
                for each in passes
            ]
