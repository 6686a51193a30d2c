"""torch.export archives (.pt2): a graph of PyTorch's own operators, and its weights.

PyTorch trusts such a file: it evaluates texts in it and unpickles parts of it. Here the graph is
looked over first, whatever is not needed for reading is left out, and PyTorch is handed an archive
that holds the rest alone.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

from annotator.domain.errors import AnnotatorError
from annotator_networks.archives import checked_archive, members_of
from annotator_networks.batches import check_shape
from annotator_networks.card_files import read_card, with_card
from annotator_networks.exported_graph import check_graph, input_shape, without_remarks
from annotator_networks.failures import told
from annotator_networks.torch_door import require_torch

if TYPE_CHECKING:
    from pathlib import Path

    from annotator.api import Device, Network, NetworkCard

_COPIED = ("archive_format", "archive_version", "byteorder", ".data/version", "version")
_GRAPH = "models/model.json"
_WEIGHTS = "data/weights/model_weights_config.json"
_CONSTANTS = "data/constants/model_constants_config.json"
_FOLDERS = {_WEIGHTS: ("data/weights/", "weight_"), _CONSTANTS: ("data/constants/", "tensor_")}


class ExportedFormat:
    """torch.export archives, with a card beside them."""

    name = "torch-export"
    title = "torch.export"

    def recognises(self, path: Path) -> bool:
        """Say whether a file is an archive with an exported graph in it."""
        inside = {name.partition("/")[2] for name in members_of(path)}
        return path.suffix.lower() == ".pt2" and "archive_format" in inside

    def files(self, path: Path) -> tuple[Path, ...]:
        """Return the archive and its card."""
        return with_card(path)

    def inspect(self, path: Path) -> NetworkCard:
        """Return the card beside the archive, compared with what the graph takes in."""
        card = read_card(path)[0]
        with checked_archive(path) as archive:
            graph = _parts(archive, path)[0]
        check_shape(input_shape(graph, path.name), card, name=path.name)
        return card

    def open(self, path: Path, card: NetworkCard, device: Device, *, mixed: bool) -> Network:
        """Load the graph and its weights onto a device."""
        require_torch("a torch.export network")
        from annotator_networks.torch_running import TorchNetwork, require_device

        place = require_device(device)
        content, n_fixed = _cleaned(path)
        module = _loaded(content, place, path.name)
        return TorchNetwork(module, card, place, mixed=mixed, n_fixed=n_fixed)


def _parts(archive: zipfile.ZipFile, path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the graph, looked over, and the contents of all else that is needed."""
    members = {name.partition("/")[2]: name for name in archive.namelist()}
    extra = [one for one in members if one.startswith(("data/aotinductor", "models/"))]
    if _GRAPH not in members or extra != [_GRAPH]:
        raise AnnotatorError(
            f"{path.name} is refused: it must hold one exported graph and no compiled program"
        )
    found = {name: archive.read(members[name]) for name in _COPIED if name in members}
    graph = without_remarks(_json(archive.read(members[_GRAPH]), path))
    check_graph(graph, path.name)
    for config, (folder, prefix) in _FOLDERS.items():
        if config not in members:
            raise AnnotatorError(f"{path.name} is refused: it lacks {config}")
        found[config] = archive.read(members[config])
        for place in _places(_json(found[config], path), prefix, path):
            if folder + place not in members:
                raise AnnotatorError(f"{path.name} is refused: it lacks {folder}{place}")
            found[folder + place] = archive.read(members[folder + place])
    return graph, found


def _json(content: bytes, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise AnnotatorError(f"{path.name} is refused: its graph is damaged ({error})") from error
    if not isinstance(found, dict):
        raise AnnotatorError(f"{path.name} is refused: its graph is no object")
    return found


def _places(config: dict[str, Any], prefix: str, path: Path) -> list[str]:
    """Return the names of the files that hold tensors; pickled ones are refused."""
    entries = config.get("config")
    if not isinstance(entries, dict):
        raise AnnotatorError(f"{path.name} is refused: it does not say where its weights are")
    places = []
    for name, entry in entries.items():
        place = entry.get("path_name") if isinstance(entry, dict) else None
        if (
            not isinstance(place, str)
            or not place.startswith(prefix)
            or not place.removeprefix(prefix).isdecimal()
            or entry.get("use_pickle") is not False
        ):
            raise AnnotatorError(
                f"{path.name} is refused: its part {name!r} is not kept as plain numbers, and "
                "loading it could run any program. Export the network again, with tensors alone"
            )
        places.append(place)
    return places


def _cleaned(path: Path) -> tuple[io.BytesIO, int | None]:
    """Return an archive of what is needed alone, and how many images the graph takes at once."""
    with checked_archive(path) as archive:
        graph, parts = _parts(archive, path)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as cleaned:
        for name, part in parts.items():
            cleaned.writestr(f"model/{name}", part)
        cleaned.writestr(f"model/{_GRAPH}", json.dumps(graph))
        cleaned.writestr("model/data/sample_inputs/model.pt", b"")
    content.seek(0)
    return content, input_shape(graph, path.name)[0]


def _loaded(content: io.BytesIO, device: Any, name: str) -> Any:  # noqa: ANN401 - torch's own
    import torch
    from torch.export.passes import move_to_device_pass

    try:
        with warnings.catch_warnings():
            # Of the schema's age; a graph that cannot be understood is an error all the same.
            warnings.simplefilter("ignore")
            program = torch.export.load(content)
            return move_to_device_pass(program, device).module()
    except Exception as error:
        raise told(error, f"loading {name}") from error
