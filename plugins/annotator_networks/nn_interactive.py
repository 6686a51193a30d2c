"""nnInteractive, where a user has installed it and has its weights.

F. Isensee et al., nnInteractive: Redefining 3D Promptable Segmentation, arXiv 2503.08373. Spoken
to by the package's public ``nnInteractiveInferenceSession`` only.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.api import ModelCard, PromptAnswer
from annotator.domain.errors import AnnotatorError
from annotator_networks.torch_door import require_torch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import Progress, Prompt, PromptKind
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Series

FOLDER = "ANNOTATOR_NNINTERACTIVE"
"""Environment variable: the folder of the trained model."""
LICENCE = "weights CC BY-NC-SA 4.0: not for commercial use"


class NnInteractive:
    """Draws in 3D what clicks, boxes, scribbles and lassos mean."""

    name = "nninteractive"
    version = "1"
    kinds: frozenset[PromptKind] = frozenset({"click", "box", "scribble", "lasso"})
    is_3d = True
    card = ModelCard(
        title="nnInteractive, volume",
        what_it_draws="what is pointed at, through slices",
        works_on="CT, MR, PET, microscopy: volumes of one channel",
        limits="Needs the user's own copy, and a graphics processor to be quick.",
        licence=LICENCE,
    )

    def refuses(self, series: Series, schema: LabelSchema) -> str | None:
        """Say what is missing, or that it does not fit a picture."""
        del schema
        if importlib.util.find_spec("nnInteractive") is None:
            return "nnInteractive is not installed (pip install nnInteractive)"
        named = os.environ.get(FOLDER, "")
        if not named or not Path(named).is_dir():
            return f"set {FOLDER} to the folder of nnInteractive's weights ({LICENCE})"
        if series.kind != "volume" or series.n_channels > 1:
            return "nnInteractive reads volumes of one channel"
        return None

    def take_in(
        self,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
        progress: Progress,
    ) -> NnInteractivePrompted:
        """Load the weights and give them the image."""
        del spacing_mm
        require_torch("nnInteractive")
        progress(0.0, "Loading nnInteractive")
        return NnInteractivePrompted(_session(os.environ.get(FOLDER, "")), image)


def _session(folder: str) -> Any:  # noqa: ANN401 - a class of the package
    import torch

    try:
        package = importlib.import_module("nnInteractive.inference.inference_session")
    except ImportError as error:
        raise AnnotatorError(f"nnInteractive cannot be imported: {error}") from error
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    session = package.nnInteractiveInferenceSession(
        device=torch.device(device), use_torch_compile=False, verbose=False, do_autozoom=True
    )
    session.initialize_from_trained_model_folder(folder)
    return session


class NnInteractivePrompted:
    """One image; what was said before is said again only where a prompt was taken back."""

    def __init__(self, session: Any, image: NDArray[np.float32]) -> None:  # noqa: ANN401
        import torch

        self._session = session
        self._told: tuple[Prompt, ...] = ()
        self._drawn = torch.zeros(image.shape, dtype=torch.uint8)
        session.set_image(image[None])
        session.set_target_buffer(self._drawn)
        self._shape = image.shape

    def answer(self, prompts: tuple[Prompt, ...]) -> PromptAnswer:
        """Draw what the prompts mean; raises AnnotatorError where none shows the object."""
        if not any(prompt.is_positive for prompt in prompts):
            raise AnnotatorError("point at the object first; so far only what is not meant is said")
        # It draws after each prompt from what it drew before, so that their order counts.
        if self._told:
            self._session.reset_interactions()
        self._told = prompts
        for prompt in prompts:
            self._tell(prompt)
        depth, height, width = self._shape
        mask = self._drawn.numpy() > 0
        return PromptAnswer(box=((0, 0, 0), (depth, height, width)), mask=mask)

    def _tell(self, prompt: Prompt) -> None:
        session, is_positive = self._session, prompt.is_positive
        if prompt.kind == "click":
            session.add_point_interaction(prompt.voxels[0], include_interaction=is_positive)
        elif prompt.kind == "box":
            corners = np.asarray(prompt.voxels)
            low, high = corners.min(axis=0), corners.max(axis=0) + 1
            box = [[int(start), int(end)] for start, end in zip(low, high, strict=True)]
            session.add_bbox_interaction(box, include_interaction=is_positive)
        elif prompt.kind == "scribble":
            session.add_scribble_interaction(self._line(prompt), include_interaction=is_positive)
        else:
            session.add_lasso_interaction(self._line(prompt), include_interaction=is_positive)

    def _line(self, prompt: Prompt) -> NDArray[np.uint8]:
        """Return a line through the voxels, closed for a lasso, over the whole image."""
        from skimage.draw import line_nd

        found = np.zeros(self._shape, np.uint8)
        places = list(prompt.voxels)
        if prompt.kind == "lasso":
            places.append(places[0])
        for start, end in pairwise(places):
            found[line_nd(start, end, endpoint=True)] = 1  # type: ignore[no-untyped-call]
        found[places[0]] = 1
        return found
