"""What the plans and the dataset description of an nnU-Net v2 folder say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotator.api.network_cards import card_from
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from annotator.api import NetworkCard

_ARCHITECTURES = "dynamic_network_architectures.architectures"
_OLD_CLASSES = {
    "PlainConvUNet": (f"{_ARCHITECTURES}.unet.PlainConvUNet", "n_conv_per_stage"),
    "ResidualEncoderUNet": (f"{_ARCHITECTURES}.unet.ResidualEncoderUNet", "n_blocks_per_stage"),
}
_MOST_INHERITED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans:
    """One configuration of an nnU-Net, as its folder describes it.

    Attributes
    ----------
    transpose : tuple of int
        Order in which the network takes the axes ``(z, y, x)``.
    patch : tuple of int
        Side of its windows, in that order, without the first in two dimensions.
    spacing_mm : tuple of float
        In that order.
    labels : tuple of (int, str)
        Channel and what it shows, background left out.
    n_out : int
        Channels that it gives out.
    are_regions : bool
        Whether channels may overlap.
    """

    name: str
    dataset: Mapping[str, Any]
    configuration: Mapping[str, Any]
    properties: Mapping[str, Any]
    transpose: tuple[int, ...]
    patch: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    labels: tuple[tuple[int, str], ...]
    n_out: int
    are_regions: bool
    n_channels: int

    @property
    def n_dims(self) -> int:
        """Two where it reads slices."""
        return len(self.patch)


def read_plans(path: Path, plans: Mapping[str, Any], dataset: Mapping[str, Any]) -> Plans:
    """Return the configuration of a folder; raises AnnotatorError where it cannot be read with."""
    try:
        return _read(path, plans, dataset)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise AnnotatorError(
            f"{path.name}: plans.json or dataset.json is not as nnU-Net v2 writes it "
            f"({type(error).__name__}: {error})"
        ) from error


def _read(path: Path, plans: Mapping[str, Any], dataset: Mapping[str, Any]) -> Plans:
    name = _configuration_name(path, plans["configurations"])
    configuration = _inherited(plans["configurations"], name)
    if configuration.get("previous_stage"):
        raise AnnotatorError(
            f"{path.name} is the second stage of a cascade, which needs what the first one drew; "
            "use a 3d_fullres or 2d configuration"
        )
    transpose = tuple(int(one) for one in plans["transpose_forward"])
    patch = tuple(int(one) for one in configuration["patch_size"])
    if sorted(transpose) != [0, 1, 2] or len(patch) not in (2, 3):
        raise AnnotatorError(f"{path.name} has axes {transpose} and a patch {patch}")
    if len(patch) == 2 and transpose[0] != 0:
        raise AnnotatorError(
            f"{path.name} reads slices along axis {transpose[0]} of (z, y, x); only slices along "
            "z can be read"
        )
    labels, n_out, are_regions = _labels(dataset)
    spacing = [float(one) for one in configuration["spacing"]]
    return Plans(
        name=name,
        dataset=dataset,
        configuration=configuration,
        properties=plans.get("foreground_intensity_properties_per_channel") or {},
        transpose=transpose,
        patch=patch,
        spacing_mm=(0.0, *spacing)[-3:] if len(patch) == 2 else tuple(spacing),
        labels=labels,
        n_out=n_out,
        are_regions=are_regions,
        n_channels=len(dataset.get("channel_names") or dataset["modality"]),
    )


def _configuration_name(path: Path, configurations: Mapping[str, Any]) -> str:
    known = [str(name) for name in dict(configurations)]
    told = path.name.rpartition("__")[2]
    if told in known:
        return told
    if len(known) == 1:
        return known[0]
    if not known:
        raise ValueError("it describes no configuration")
    raise AnnotatorError(
        f"the folder {path.name!r} does not say which configuration it holds; give it the name "
        f"that nnU-Net gave it, ending in one of: {', '.join(f'__{one}' for one in sorted(known))}"
    )


def _inherited(known: Mapping[str, Any], name: str) -> dict[str, Any]:
    chain = [name]
    while (parent := known[chain[-1]].get("inherits_from")) is not None:
        if parent in chain or len(chain) > _MOST_INHERITED:
            raise AnnotatorError(f"the configuration {name!r} inherits from itself")
        chain.append(parent)
    merged: dict[str, Any] = {}
    for one in reversed(chain):
        merged |= known[one]
    return merged


def _labels(dataset: Mapping[str, Any]) -> tuple[tuple[tuple[int, str], ...], int, bool]:
    """Return the outputs by name, their number, and whether they are regions that overlap.

    Of regions each is an output, in the order of the file; the order in which they are painted is
    that of ``regions_class_order``, which is the same.
    """
    told = {str(key): value for key, value in dataset["labels"].items() if key != "ignore"}
    drawn = {name: value for name, value in told.items() if not _is_background(value)}
    if any(isinstance(value, list) and len(value) > 1 for value in told.values()):
        names = list(drawn)
        return tuple(enumerate(names)), len(names), True
    values = {name: int(one[0] if isinstance(one, list) else one) for name, one in drawn.items()}
    labels = tuple(sorted((value, name) for name, value in values.items()))
    return labels, len(told), False


def _is_background(value: Any) -> bool:  # noqa: ANN401 - a number, or a list of them
    return bool(value in (0, [0]))


def plans_card(path: Path, plans: Plans, flips: Sequence[int], licence: str) -> NetworkCard:
    """Return the card of a folder; ``flips`` are the axes of the network that are mirrored."""
    axes = [plans.transpose.index(one) for one in range(3)]
    if plans.n_dims == 3:
        spacing: list[float | None] = [plans.spacing_mm[one] for one in axes]
        patch = [plans.patch[one] for one in axes]
        names = ["zyx"[plans.transpose[one]] for one in flips]
    else:
        spacing = [None, *(plans.spacing_mm[one] for one in axes[1:])]
        patch = [plans.patch[one - 1] for one in axes[1:]]
        names = ["zyx"[plans.transpose[one + 1]] for one in flips]
    intensity, remark = _intensity(plans)
    dataset = plans.dataset
    return card_from(
        {
            "title": f"{dataset.get('name') or _dataset_name(path)} {plans.name}"[:100],
            "n_dims": plans.n_dims,
            "n_channels": plans.n_channels,
            "labels": [list(one) for one in plans.labels],
            "activation": "sigmoid" if plans.are_regions else "softmax",
            "intensity": intensity,
            "spacing_mm": spacing,
            "patch": patch,
            "axes": "zyx",
            "overlap": 0.5,
            "flips": sorted(names),
            "trained_on": _told(dataset, "description", "reference"),
            "source": _told(dataset, "reference"),
            "licence": licence or _told(dataset, "licence", "license"),
            "limits": remark,
        },
        what=path.name,
    )


def _dataset_name(path: Path) -> str:
    return path.parent.name if path.parent.name.startswith("Dataset") else path.name


def _told(dataset: Mapping[str, Any], *keys: str) -> str:
    return next((str(dataset[key])[:20_000] for key in keys if dataset.get(key)), "")


def _intensity(plans: Plans) -> tuple[dict[str, Any], str]:
    """Return how values are scaled, and what of it cannot be done so."""
    schemes = [str(one) for one in plans.configuration["normalization_schemes"]]
    remarks = ["nnU-Net leaves the margin of zeros around an image out before it reads"]
    if len(set(schemes)) > 1:
        remarks.append(f"channels are scaled differently ({', '.join(schemes)}), here all alike")
    scheme = schemes[0]
    told = plans.properties.get("0", {})
    found: dict[str, Any]
    if scheme == "CTNormalization":
        found = {
            "scaling": "z-score",
            "mean": float(told["mean"]),
            "deviation": max(float(told["std"]), 1e-8),
            "clip": [float(told["percentile_00_5"]), float(told["percentile_99_5"])],
        }
    elif scheme == "ZScoreNormalization":
        found = {"scaling": "z-score"}
        if any(plans.configuration.get("use_mask_for_norm") or []):
            remarks.append("mean and deviation are those of the voxels that are not 0")
    elif scheme == "RescaleTo01Normalization":
        found = {"scaling": "percentiles", "low": 0.0, "high": 100.0}
    elif scheme == "RGBTo01Normalization":
        found = {"scaling": "range", "low": 0.0, "high": 255.0}
    else:
        found = {"scaling": "none"}
        if scheme != "NoNormalization":
            remarks.append(f"its scaling {scheme} is not known, and none is done")
    return found, f"Not done before reading as its author did: {'; '.join(remarks)}."


def architecture(plans: Plans) -> tuple[str, dict[str, Any]]:
    """Return the class of the network and its arguments, as `nnunet_network` builds them."""
    told = plans.configuration.get("architecture")
    if isinstance(told, dict):
        return str(told["network_class_name"]), dict(told["arch_kwargs"])
    old = plans.configuration
    name, blocks = _OLD_CLASSES[old["UNet_class_name"]]
    depths = old["n_conv_per_stage_encoder"]
    widest = old["unet_max_num_features"]
    return name, {
        "n_stages": len(depths),
        "features_per_stage": [
            min(old["UNet_base_num_features"] * 2**level, widest) for level in range(len(depths))
        ],
        "conv_op": f"torch.nn.modules.conv.Conv{plans.n_dims}d",
        "kernel_sizes": old["conv_kernel_sizes"],
        "strides": old["pool_op_kernel_sizes"],
        blocks: depths,
        "n_conv_per_stage_decoder": old["n_conv_per_stage_decoder"],
        "conv_bias": True,
        "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{plans.n_dims}d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
