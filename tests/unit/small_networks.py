"""Small networks and their cards for tests, made by the libraries that people make them with."""

from __future__ import annotations

import io
import json
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Tiny(torch.nn.Module):
    """Two convolutions; three outputs that differ from place to place."""

    def __init__(self, n_dims: int = 3, n_in: int = 1, n_out: int = 3) -> None:
        super().__init__()
        convolution = torch.nn.Conv3d if n_dims == 3 else torch.nn.Conv2d
        self.first = convolution(n_in, 4, 3, padding=1)
        self.last = convolution(4, n_out, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.last(torch.relu(self.first(image)))
        return found


def tiny(n_dims: int = 3, n_in: int = 1, n_out: int = 3, seed: int = 0) -> Tiny:
    torch.manual_seed(seed)
    return Tiny(n_dims, n_in, n_out).eval()


def write_card(path: Path, **fields: Any) -> Path:  # noqa: ANN401 - any field of a card
    card = {
        "title": "Tiny",
        "n_dims": 3,
        "n_channels": 1,
        "labels": {"1": "Lesion", "2": "Organ"},
        "licence": "CC0-1.0",
        **fields,
    }
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


def write_torchscript(path: Path, module: torch.nn.Module) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(module), str(path))
    return path


def write_export(path: Path, fixed: tuple[int, ...] | None = None) -> Path:
    """Write `tiny` as an exported graph, for images of any size or of one."""
    path.write_bytes(_exported(fixed))
    return path


@cache
def _exported(fixed: tuple[int, ...] | None) -> bytes:
    sides = {axis: torch.export.Dim(name, min=4) for axis, name in ((2, "z"), (3, "y"), (4, "x"))}
    dynamic = {0: torch.export.Dim("n", min=1), **sides}
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(
            tiny(),
            (torch.zeros(fixed or (2, 1, 8, 8, 8)),),
            dynamic_shapes=None if fixed else {"image": dynamic},
        )
        torch.export.save(program, content)
    return content.getvalue()


def write_onnx(path: Path, module: torch.nn.Module) -> Path:
    with warnings.catch_warnings():
        # The newer exporter takes half a minute to be imported.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (torch.zeros(2, 1, 8, 8, 8),),
            str(path),
            dynamo=False,
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": {0: "n", 2: "z", 3: "y", 4: "x"}},
        )
    return path


def bundle_config(unet: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "imports": ["$import glob"],
        "n_out": unet["out_channels"],
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "network_def": {"_target_": "UNet", **unet, "out_channels": "$@n_out * 1"},
        "network": "$@network_def.to(@device)",
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": "image"},
                {"_target_": "EnsureChannelFirstd", "keys": "image"},
                {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
                {"_target_": "Spacingd", "keys": "image", "pixdim": [1.5, 1.25, 2.0]},
                {
                    "_target_": "ScaleIntensityRanged",
                    "keys": "image",
                    "a_min": -57,
                    "a_max": 164,
                    "b_min": -1.0,
                    "b_max": 1.0,
                    "clip": True,
                },
            ],
        },
        "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [96, 80, 64], "overlap": 0.25},
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [{"_target_": "Activationsd", "keys": "pred", "softmax": True}],
        },
    }


def bundle_metadata() -> dict[str, Any]:
    names = {"0": "background", "1": "Lesion", "2": "Organ"}
    return {
        "name": "Small bundle",
        "version": "0.1.0",
        "network_data_format": {
            "inputs": {"image": {"num_channels": 1, "spatial_shape": ["16*n", "16*n", "16*n"]}},
            "outputs": {"pred": {"num_channels": 3, "channel_def": names}},
        },
    }


def write_bundle(path: Path, unet: Mapping[str, Any], *, yaml: bool = False) -> Path:
    from monai.networks.nets.unet import UNet

    for folder in ("configs", "models"):
        (path / folder).mkdir(parents=True)
    torch.manual_seed(3)
    torch.save(UNet(**unet).state_dict(), path / "models" / "model.pt")
    (path / "LICENSE").write_text("CC0 1.0 Universal")
    (path / "configs" / "metadata.json").write_text(json.dumps(bundle_metadata()))
    if yaml:
        from yaml import safe_dump

        (path / "configs" / "inference.yaml").write_text(safe_dump(bundle_config(unet)))
    else:
        (path / "configs" / "inference.json").write_text(json.dumps(bundle_config(unet)))
    return path


_NNUNET = {
    "n_stages": 2,
    "features_per_stage": [4, 8],
    "conv_op": "torch.nn.modules.conv.Conv3d",
    "kernel_sizes": [[1, 3, 3], [3, 3, 3]],
    "strides": [[1, 1, 1], [1, 2, 2]],
    "n_conv_per_stage": [1, 1],
    "n_conv_per_stage_decoder": [1],
    "conv_bias": True,
    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
    "norm_op_kwargs": {"eps": 1e-5, "affine": True},
    "dropout_op": None,
    "dropout_op_kwargs": None,
    "nonlin": "torch.nn.LeakyReLU",
    "nonlin_kwargs": {"inplace": True},
}
_OLD_NNUNET = {
    "UNet_class_name": "PlainConvUNet",
    "UNet_base_num_features": 4,
    "unet_max_num_features": 8,
    "n_conv_per_stage_encoder": [1, 1],
    "n_conv_per_stage_decoder": [1],
    "conv_kernel_sizes": [[1, 3, 3], [3, 3, 3]],
    "pool_op_kernel_sizes": [[1, 1, 1], [1, 2, 2]],
}


def nnunet_plans(*, old_plans: bool = False) -> dict[str, Any]:
    """Return plans of a network that takes ``(y, z, x)``, windows of 4 × 12 × 8 in this order."""
    resampling = "resample_data_or_seg_to_shape"
    orders = {"order": 1, "order_z": 0, "force_separate_z": None}
    architecture = {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": _NNUNET,
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }
    return {
        "dataset_name": "Dataset001_Tiny",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [1, 0, 2],
        "transpose_backward": [1, 0, 2],
        "configurations": {
            "3d_fullres": {
                "data_identifier": "nnUNetPlans_3d_fullres",
                "preprocessor_name": "DefaultPreprocessor",
                "batch_size": 2,
                "patch_size": [4, 12, 8],
                "spacing": [3.0, 1.0, 0.5],
                "normalization_schemes": ["CTNormalization"],
                "use_mask_for_norm": [False],
                "resampling_fn_data": resampling,
                "resampling_fn_seg": resampling,
                "resampling_fn_probabilities": resampling,
                "resampling_fn_data_kwargs": {"is_seg": False, **orders},
                "resampling_fn_seg_kwargs": {"is_seg": True, **orders},
                "resampling_fn_probabilities_kwargs": {"is_seg": False, **orders},
                "batch_dice": False,
                **(_OLD_NNUNET if old_plans else {"architecture": architecture}),
            }
        },
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {
            "0": {
                "mean": 90.0,
                "std": 40.0,
                "percentile_00_5": -50.0,
                "percentile_99_5": 210.0,
            }
        },
    }


def nnunet_plans_of_slices() -> dict[str, Any]:
    """Return plans of a network that takes slices ``(x, y)``, windows of 8 × 12 in this order."""
    plans = nnunet_plans()
    plans["transpose_forward"] = plans["transpose_backward"] = [0, 2, 1]
    told = plans["configurations"].pop("3d_fullres")
    arguments = {
        **_NNUNET,
        "conv_op": "torch.nn.modules.conv.Conv2d",
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm2d",
        "kernel_sizes": [[3, 3], [3, 3]],
        "strides": [[1, 1], [2, 2]],
    }
    told["architecture"] = {**told["architecture"], "arch_kwargs": arguments}
    plans["configurations"]["2d"] = {**told, "patch_size": [8, 12], "spacing": [0.5, 0.75]}
    return plans


NNUNET_DATASET = {
    "channel_names": {"0": "CT"},
    "labels": {"background": 0, "Lesion": 1, "Organ": 2},
    "numTraining": 2,
    "file_ending": ".nii.gz",
    "licence": "CC0 1.0",
}


def write_nnunet(
    folder: Path,
    *,
    n_folds: int,
    old_plans: bool = False,
    plans: dict[str, Any] | None = None,
) -> Path:
    """Write the folder that nnU-Net would, with networks that its own package builds."""
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    plans = nnunet_plans(old_plans=old_plans) if plans is None else plans
    (name,) = plans["configurations"]
    path = folder / f"nnUNetTrainer__nnUNetPlans__{name}"
    path.mkdir(parents=True)
    (path / "plans.json").write_text(json.dumps(plans))
    (path / "dataset.json").write_text(json.dumps(NNUNET_DATASET))
    for fold in range(n_folds):
        torch.manual_seed(fold)
        network = nnunet_network(get_network_from_plans, plans["configurations"][name])
        (path / f"fold_{fold}").mkdir()
        torch.save(
            {
                "network_weights": network.state_dict(),
                "current_epoch": 3,
                "trainer_name": "nnUNetTrainer",
                "inference_allowed_mirroring_axes": (0, 2) if name == "3d_fullres" else (0,),
            },
            path / f"fold_{fold}" / "checkpoint_final.pth",
        )
    return path


def nnunet_network(build: Any, configuration: dict[str, Any], *, deep: bool = True) -> Any:  # noqa: ANN401
    """Return the network of a configuration, as nnU-Net's own function builds it."""
    told = configuration["architecture"]
    return build(
        told["network_class_name"],
        told["arch_kwargs"],
        told["_kw_requires_import"],
        1,
        3,
        deep_supervision=deep,
    )
