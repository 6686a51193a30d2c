"""What a further prompt on a slice costs with the image encoder of Segment Anything, ViT-B.

Its architecture and its own ONNX export, by ``pip install --no-deps segment-anything``; the weights
are drawn by chance, because how long it takes does not depend on them. The first box on a slice has
it encoded, each further one is decoded from the embedding that is kept: medians, on the processor.

``python tests/benchmarks/bench_sam.py``
"""

from __future__ import annotations

import sys
import tempfile
import time
import types
import warnings
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "plugins"))
sys.path.insert(0, str(Path(__file__).parents[2]))

from annotator.api import Prompt, no_progress
from annotator_networks.sam_onnx import SamOnnxNetwork
from annotator_networks.slice_prompts import SlicePrompted
from tests.benchmarks.reading_sets import say

SHAPE = (3, 512, 512)
N_PROMPTS = 15


def stand_in_for_torchvision() -> None:
    """Let the package be imported: what it takes from torchvision is not used here."""
    for name, members in {
        "torchvision": (),
        "torchvision.transforms": (),
        "torchvision.transforms.functional": ("resize", "to_pil_image"),
        "torchvision.ops": (),
        "torchvision.ops.boxes": ("batched_nms", "box_area"),
    }.items():
        module = types.ModuleType(name)
        for member in members:
            setattr(module, member, None)
        sys.modules[name] = module


def write_model(folder: Path) -> None:
    """Write encoder and decoder."""
    import torch

    stand_in_for_torchvision()
    from segment_anything import sam_model_registry
    from segment_anything.utils.onnx import SamOnnxModel

    torch.manual_seed(0)
    sam: Any = sam_model_registry["vit_b"]().eval()
    decoder: Any = SamOnnxModel(sam, return_single_mask=True)
    side = 4 * sam.image_encoder.img_size // 16
    prompted = {
        "image_embeddings": torch.zeros(1, 256, side // 4, side // 4),
        "point_coords": torch.zeros(1, 2, 2),
        "point_labels": torch.tensor([[2.0, 3.0]]),
        "mask_input": torch.zeros(1, 1, side, side),
        "has_mask_input": torch.zeros(1),
        "orig_im_size": torch.tensor(SHAPE[1:], dtype=torch.float32),
    }
    image = torch.zeros(1, 3, sam.image_encoder.img_size, sam.image_encoder.img_size)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter that the package was written for is old
        torch.onnx.export(
            sam.image_encoder,
            (image,),
            str(folder / "encoder.onnx"),
            dynamo=False,
            input_names=["image"],
            output_names=["embedding"],
            opset_version=17,
        )
        torch.onnx.export(
            decoder,
            tuple(prompted.values()),
            str(folder / "decoder.onnx"),
            dynamo=False,
            input_names=list(prompted),
            output_names=["masks", "quality", "low"],
            opset_version=17,
            dynamic_axes={"point_coords": {1: "n"}, "point_labels": {1: "n"}},
        )


def main() -> None:
    """Measure it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder)
        network = SamOnnxNetwork(folder / "encoder.onnx", folder / "decoder.onnx")
        image = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
        prompted = SlicePrompted(network, image, no_progress)
        first: list[float] = []
        further: list[float] = []
        for z in range(SHAPE[0]):
            for number in range(N_PROMPTS + 1):
                corner = (z, 100 + 5 * number, 120 + 3 * number)
                other = (z, corner[1] + 90, corner[2] + 70)
                box = Prompt(kind="box", is_positive=True, voxels=(corner, other))
                begin_s = time.perf_counter()
                prompted.answer((box,))
                (further if number else first).append(time.perf_counter() - begin_s)
    encoded_s, decoded_s = float(np.median(first)), float(np.median(further))
    say(f"first box on a slice {encoded_s:6.2f} s")
    say(f"each further box     {decoded_s:6.3f} s, 1/{encoded_s / decoded_s:.0f} of it")


if __name__ == "__main__":
    main()
