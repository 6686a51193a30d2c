"""MONAI bundles: folders that say how a network is built, fed and read.

The network is built by name from a list that is known; nothing of the bundle is run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.domain.errors import AnnotatorError
from annotator_networks.bundle_card import bundle_card
from annotator_networks.bundle_config import Config, NotPlainError, read_config
from annotator_networks.torch_door import require_torch

if TYPE_CHECKING:
    from pathlib import Path

    from annotator.api import Device, Network, NetworkCard

_CONFIGS = ("inference.json", "inference.yaml", "inference.yml")
_MODELS = ("model.pt", "model.safetensors", "model.ts")
_LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "docs/LICENSE", "docs/license.txt")
_LONGEST_LICENCE = 20_000


class MonaiBundleFormat:
    """Folders with configs/metadata.json, configs/inference.json and models/model.pt."""

    name = "monai-bundle"
    title = "MONAI bundle"

    def recognises(self, path: Path) -> bool:
        """Say whether a folder has the files of a bundle."""
        return (path / "configs" / "metadata.json").is_file() and _first(
            path / "configs", _CONFIGS
        ) is not None

    def files(self, path: Path) -> tuple[Path, ...]:
        """Return the configuration, the weights and the licence."""
        configs = path / "configs"
        found = (
            configs / "metadata.json",
            _first(configs, _CONFIGS),
            _first(path / "models", _MODELS),
            _first(path, _LICENCES),
        )
        return tuple(sorted(one for one in found if one is not None))

    def inspect(self, path: Path) -> NetworkCard:
        """Return what the bundle says of its network; the network is built to know that it can."""
        require_torch("a MONAI bundle")
        metadata = read_config(path / "configs" / "metadata.json")
        config = _config(path)
        network = {} if _is_program(path) else _network_def(config, path.name)
        if network:
            _filled(path)
        else:
            from annotator_networks.torchscript import check_program

            check_program(_weights(path))
        licence = _first(path, _LICENCES)
        return bundle_card(
            metadata,
            config,
            network,
            name=path.name,
            licence="" if licence is None else _text(licence),
        )

    def open(self, path: Path, card: NetworkCard, device: Device, *, mixed: bool) -> Network:
        """Build the network and load its weights onto a device."""
        require_torch("a MONAI bundle")
        from annotator_networks.torch_running import TorchNetwork, require_device
        from annotator_networks.torchscript import load_program

        place = require_device(device)
        if _is_program(path):
            module = load_program(_weights(path), place)
        else:
            module = _filled(path).to(place)
        return TorchNetwork(module, card, place, mixed=mixed, modules=[module])


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _config(path: Path) -> Config:
    place = _first(path / "configs", _CONFIGS)
    if place is None:
        raise AnnotatorError(f"{path.name} lacks configs/inference.json")
    return Config(read_config(place))


def _weights(path: Path) -> Path:
    found = _first(path / "models", _MODELS)
    if found is None:
        raise AnnotatorError(
            f"{path.name} has no weights: put one of {', '.join(_MODELS)} into its folder models; "
            "nothing is downloaded"
        )
    return found


def _is_program(path: Path) -> bool:
    return _weights(path).suffix == ".ts"


def _network_def(config: Config, name: str) -> dict[str, Any]:
    try:
        found = config.get("network_def")
    except NotPlainError as error:
        raise AnnotatorError(
            f"{name} is refused: its network_def is no plain description: {error}. Write the "
            "values out, or export the network as TorchScript or ONNX"
        ) from error
    if not isinstance(found, dict) or not isinstance(found.get("_target_"), str):
        raise AnnotatorError(f"{name} has no network_def with a _target_ in its configuration")
    return found


def _filled(path: Path) -> Any:  # noqa: ANN401 - a torch module
    from annotator_networks.architectures import build
    from annotator_networks.weights import fill, load_checkpoint, weights_in

    described = _network_def(_config(path), path.name)
    arguments = {key: value for key, value in described.items() if not key.startswith("_")}
    place = _weights(path)
    weights = weights_in(load_checkpoint(place), name=place.name)
    return fill(build(described["_target_"], arguments), weights, name=place.name)


def _text(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(_LONGEST_LICENCE)
