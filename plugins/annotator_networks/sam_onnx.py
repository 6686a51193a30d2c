"""A model of the SAM family that a user has as two ONNX files: ``encoder.onnx``, ``decoder.onnx``.

The decoder is what Segment Anything's own ``scripts/export_onnx_model.py`` writes: it takes
``image_embeddings``, ``point_coords``, ``point_labels``, ``mask_input``, ``has_mask_input`` and
``orig_im_size`` and gives masks first, their quality second.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.api import ModelCard
from annotator.domain.errors import AnnotatorError
from annotator_networks.slice_prompts import SlicePrompted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import Progress, PromptKind
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Series

FOLDER = "ANNOTATOR_SAM_ONNX"
"""Environment variable: the folder with both files."""
_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
_SD = np.array([58.395, 57.12, 57.375], np.float32)
_INPUTS = {
    "image_embeddings",
    "point_coords",
    "point_labels",
    "mask_input",
    "has_mask_input",
    "orig_im_size",
}


class SamOnnx:
    """Draws what clicks and boxes mean on a slice, by weights of the user's own."""

    name = "sam-onnx"
    version = "1"
    kinds: frozenset[PromptKind] = frozenset({"click", "box"})
    is_3d = False
    card = ModelCard(
        title="SAM (ONNX), this slice",
        what_it_draws="what clicks and a box mean, on their slice",
        works_on="what its weights were trained on",
        limits="Slice by slice; reads a new slice for seconds, then answers.",
        licence="that of the weights, which you supply",
    )

    def refuses(self, series: Series, schema: LabelSchema) -> str | None:
        """Say which files are missing."""
        del series, schema
        try:
            find_files()
        except AnnotatorError as error:
            return str(error)
        return None

    def take_in(
        self,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
        progress: Progress,
    ) -> SlicePrompted:
        """Take in an image; slices are encoded when they are first pointed at."""
        del spacing_mm
        progress(0.0, "Loading the SAM model")
        return SlicePrompted(SamOnnxNetwork(*find_files()), image, progress)


def find_files() -> tuple[Path, Path]:
    """Return encoder and decoder; raises AnnotatorError, saying what is missing."""
    if importlib.util.find_spec("onnxruntime") is None:
        raise AnnotatorError("a SAM model in ONNX needs: pip install onnxruntime")
    named = os.environ.get(FOLDER)
    if not named:
        raise AnnotatorError(f"set {FOLDER} to the folder with encoder.onnx and decoder.onnx")
    found = Path(named, "encoder.onnx"), Path(named, "decoder.onnx")
    for path in found:
        if not path.is_file():
            raise AnnotatorError(f"{FOLDER} is {named!r}, which has no {path.name}")
    return found


class SamOnnxNetwork:
    """Both parts, run by ONNX Runtime on the processor."""

    title = "The SAM model"

    def __init__(self, encoder: Path, decoder: Path) -> None:
        import onnxruntime

        try:
            self._encoder, self._decoder = (
                onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
                for path in (encoder, decoder)
            )
        except Exception as error:  # whatever its parsers raise
            raise AnnotatorError(f"the SAM model cannot be loaded: {error}") from error
        taken = {one.name for one in self._decoder.get_inputs()}
        if not taken <= _INPUTS or "image_embeddings" not in taken:
            raise AnnotatorError(
                f"decoder.onnx takes {', '.join(sorted(taken))}; a decoder of Segment Anything "
                f"takes {', '.join(sorted(_INPUTS))}"
            )
        self._taken = taken
        (self._input,) = (one.name for one in self._encoder.get_inputs())
        sides = self._encoder.get_inputs()[0].shape[2:]
        self._size = sides[0] if isinstance(sides[0], int) else 1024

    def encode(self, picture: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Return the embedding of a picture: the longest side on the encoder's, the rest padded."""
        from skimage.transform import resize

        size = self._fitted(picture.shape[:2])
        fitted = resize(  # type: ignore[no-untyped-call]
            picture.astype(np.float32), size, order=1, anti_aliasing=True
        )
        padded = np.zeros((self._size, self._size, 3), np.float32)
        padded[: size[0], : size[1]] = (fitted - _MEAN) / _SD
        batch = np.ascontiguousarray(padded.transpose(2, 0, 1)[None])
        found: NDArray[np.float16] = self._encoder.run(None, {self._input: batch})[0]
        return found.astype(np.float16)

    def decode(
        self,
        embedding: NDArray[np.float16],
        points: NDArray[np.float32],
        labels: NDArray[np.float32],
        shape: tuple[int, int],
    ) -> NDArray[np.float32]:
        """Return the logits of the best mask; without a box a point of padding ends the list."""
        scale = np.float32(max(self._fitted(shape)) / max(shape))
        coords = points * scale
        if not (labels >= 2).any():
            coords = np.concatenate([coords, np.zeros((1, 2), np.float32)])
            labels = np.concatenate([labels, np.full(1, -1, np.float32)])
        side = 4 * embedding.shape[-1]
        given: dict[str, Any] = {
            "image_embeddings": embedding.astype(np.float32),
            "point_coords": coords[None].astype(np.float32),
            "point_labels": labels[None].astype(np.float32),
            "mask_input": np.zeros((1, 1, side, side), np.float32),
            "has_mask_input": np.zeros(1, np.float32),
            "orig_im_size": np.asarray(shape, np.float32),
        }
        masks, quality, *_ = self._decoder.run(
            None, {name: value for name, value in given.items() if name in self._taken}
        )
        best = int(np.asarray(quality).reshape(-1).argmax())
        found: NDArray[np.float32] = np.asarray(masks[0, best], np.float32)
        if found.shape != shape:
            raise AnnotatorError(f"decoder.onnx drew {found.shape} for a slice of {shape}")
        return found

    def _fitted(self, shape: tuple[int, ...]) -> tuple[int, int]:
        scale = self._size / max(shape)
        return int(shape[0] * scale + 0.5), int(shape[1] * scale + 0.5)
