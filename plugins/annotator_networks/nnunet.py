"""nnU-Net v2 folders: plans, dataset description, and a checkpoint for each fold.

The folds' outputs are averaged before any activation, as nnU-Net does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator_networks.bundle_config import read_config
from annotator_networks.failures import told
from annotator_networks.nnunet_plans import Plans, architecture, plans_card, read_plans
from annotator_networks.torch_door import require_torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import torch

    from annotator.api import Device, Network, NetworkCard

_CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_best.pth")
_LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE")
_LONGEST_LICENCE = 20_000
_PACKAGE = "dynamic_network_architectures.architectures."
_CLASSES = ("PlainConvUNet", "ResidualEncoderUNet", "ResidualUNet")


class NnUNetFormat:
    """Folders that nnU-Net v2 has trained, such as ``nnUNetTrainer__nnUNetPlans__3d_fullres``."""

    name = "nnunet"
    title = "nnU-Net v2 folder"

    def recognises(self, path: Path) -> bool:
        """Say whether a folder has plans, a dataset description and a fold."""
        return (
            (path / "plans.json").is_file()
            and (path / "dataset.json").is_file()
            and bool(_checkpoints(path))
        )

    def files(self, path: Path) -> tuple[Path, ...]:
        """Return the descriptions, one checkpoint of each fold, and the licence."""
        licence = _licence(path)
        return tuple(
            sorted(
                {
                    path / "plans.json",
                    path / "dataset.json",
                    *_checkpoints(path),
                    *([] if licence is None else [licence]),
                }
            )
        )

    def inspect(self, path: Path) -> NetworkCard:
        """Return what the folder says; the first fold is loaded, to know that it can be."""
        require_torch("an nnU-Net folder")
        plans = _plans(path)
        _, flips = _fold(plans, _checkpoints(path)[0])
        licence = _licence(path)
        return plans_card(path, plans, flips, "" if licence is None else _text(licence))

    def open(self, path: Path, card: NetworkCard, device: Device, *, mixed: bool) -> Network:
        """Build the network of every fold and load its weights onto a device."""
        require_torch("an nnU-Net folder")
        from annotator_networks.torch_running import TorchNetwork, require_device

        place = require_device(device)
        plans = _plans(path)
        folds = [_fold(plans, checkpoint)[0].to(place) for checkpoint in _checkpoints(path)]
        return TorchNetwork(_averaged(folds, plans), card, place, mixed=mixed, modules=folds)


def _checkpoints(path: Path) -> tuple[Path, ...]:
    """Return the checkpoint of each fold; of several the one that training ended with."""
    found = []
    folds = sorted(path.glob("fold_*")) if path.is_dir() else []
    for fold in folds:
        kept = next((fold / name for name in _CHECKPOINTS if (fold / name).is_file()), None)
        if kept is not None:
            found.append(kept)
    return tuple(found)


def _plans(path: Path) -> Plans:
    return read_plans(path, read_config(path / "plans.json"), read_config(path / "dataset.json"))


def _licence(path: Path) -> Path | None:
    return next((path / name for name in _LICENCES if (path / name).is_file()), None)


def _text(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(_LONGEST_LICENCE)


def _fold(plans: Plans, checkpoint: Path) -> tuple[torch.nn.Module, list[int]]:
    """Return the network of a fold with its weights, and the axes that it is mirrored along."""
    from annotator_networks.weights import fill, load_checkpoint, weights_in

    found = load_checkpoint(checkpoint)
    name = f"{checkpoint.parent.name}/{checkpoint.name}"
    module = fill(_network(plans), weights_in(found, name=name), name=name)
    axes = found.get("inference_allowed_mirroring_axes") if isinstance(found, dict) else None
    flips = [int(one) for one in axes or ()]
    if any(not 0 <= one < plans.n_dims for one in flips):
        raise AnnotatorError(f"{name} is mirrored along the axes {flips}, which it does not have")
    return module, flips


def _network(plans: Plans) -> Any:  # noqa: ANN401 - a torch module
    from annotator_networks.architectures import checked

    name, arguments = architecture(plans)
    short = name.rpartition(".")[2]
    if not name.startswith(_PACKAGE) or short not in _CLASSES:
        raise UnknownNameError(
            "architecture of nnU-Net", name, [_PACKAGE + one for one in _CLASSES]
        )
    try:
        from dynamic_network_architectures.architectures import unet
    except ImportError as error:
        raise AnnotatorError(
            "an nnU-Net folder needs the package that its networks are built by, which cannot be "
            f"imported ({error}); install it with: pip install dynamic-network-architectures"
        ) from error
    plain = {key: checked(value, key) for key, value in arguments.items()}
    parts = {key: _part(plain.get(key)) for key in ("conv_op", "norm_op", "dropout_op", "nonlin")}
    try:
        return getattr(unet, short)(
            **{
                **plain,
                **parts,
                "input_channels": plans.n_channels,
                "num_classes": plans.n_out,
                "deep_supervision": False,
            }
        )
    except Exception as error:
        raise told(error, f"building {short}") from error


def _part(name: Any) -> Any:  # noqa: ANN401 - a class of torch.nn, by name
    """Return a class of torch.nn; nothing else is looked up."""
    from torch import nn

    if name is None:
        return None
    kinds = ("Conv", "InstanceNorm", "BatchNorm", "Dropout")
    short = str(name).rpartition(".")[2]
    known = {
        *(f"{kind}{n_dims}d" for kind in kinds for n_dims in (2, 3)),
        "LeakyReLU",
        "ReLU",
        "GELU",
        "ELU",
    }
    if not str(name).startswith("torch.nn.") or short not in known:
        raise UnknownNameError(
            "part of an nnU-Net", str(name), {f"torch.nn.{one}" for one in known}
        )
    return getattr(nn, short)


def _averaged(
    folds: Sequence[torch.nn.Module], plans: Plans
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the mean output of the folds for images whose axes are ``(z, y, x)``."""
    there = (0, 1, *(2 + one for one in plans.transpose)) if plans.n_dims == 3 else None
    back = (0, 1, *(2 + plans.transpose.index(one) for one in range(3)))
    if plans.n_dims == 2 and plans.transpose[1:] == (2, 1):
        there, back = (0, 1, 3, 2), (0, 1, 3, 2)

    def forward(image: torch.Tensor) -> torch.Tensor:
        given = image if there is None else image.permute(there).contiguous()
        total: torch.Tensor = folds[0](given)
        for fold in folds[1:]:
            total = total + fold(given)
        mean = total / len(folds)
        return mean if there is None else mean.permute(back)

    return forward
