"""TorchScript files: the program of a network and its weights in one archive.

What such a program can do is small: calculate, and, by two calls, write and read files. Archives
whose code names these, or calls that a plain PyTorch lacks, are refused before they are loaded.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

from annotator.domain.errors import AnnotatorError
from annotator_networks.archives import checked_archive, members_of
from annotator_networks.card_files import read_card, with_card
from annotator_networks.failures import told
from annotator_networks.torch_door import require_torch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from zipfile import ZipFile

    from annotator.api import Device, Network, NetworkCard

_SUFFIXES = (".ts", ".pt", ".pth")
_GAP = rb"(?:[\s\\]|#[^\n]*\n)*"
"""What may stand between two words of a program."""
_DOT = _GAP + rb"\." + _GAP
_FILES = re.compile(rb"\." + _GAP + rb"(save|from_file|load_tensor)\b")
_OPS = re.compile(rb"(?<![\w.])ops" + _DOT + rb"(\w+)")
_CLASSES = re.compile(rb"torch" + _DOT + rb"classes" + _DOT + rb"(\w+)")
_PLAIN_OPS = {b"prim", b"aten", b"quantized"}


class TorchScriptFormat:
    """TorchScript archives, with a card beside them."""

    name = "torchscript"
    title = "TorchScript"

    def recognises(self, path: Path) -> bool:
        """Say whether a file is an archive with code in it."""
        return path.suffix.lower() in _SUFFIXES and is_torchscript(path)

    def files(self, path: Path) -> tuple[Path, ...]:
        """Return the archive and its card."""
        return with_card(path)

    def inspect(self, path: Path) -> NetworkCard:
        """Return the card beside the archive."""
        check_program(path)
        return read_card(path)[0]

    def open(self, path: Path, card: NetworkCard, device: Device, *, mixed: bool) -> Network:
        """Load the program and its weights onto a device."""
        require_torch("a TorchScript network")
        from annotator_networks.torch_running import TorchNetwork, require_device

        place = require_device(device)
        program = load_program(path, place)
        return TorchNetwork(program, card, place, mixed=mixed, modules=[program])


def is_torchscript(path: Path) -> bool:
    """Say whether a file is an archive with TorchScript code in it; never raises."""
    inside = {name.partition("/")[2] for name in members_of(path)}
    return "constants.pkl" in inside and any(name.startswith("code/") for name in inside)


def check_program(path: Path) -> None:
    """Raise AnnotatorError where the program of an archive could do more than calculate."""
    with checked_archive(path) as archive:
        if not is_torchscript(path) or any(
            name.endswith("/model.json") for name in archive.namelist()
        ):
            raise AnnotatorError(
                f"{path.name} is refused: it is no TorchScript archive as PyTorch writes them now"
            )
        for name, content in _programs(archive):
            problem = _problem(content, is_code=name.endswith(".py"))
            if problem:
                raise AnnotatorError(
                    f"{path.name} is refused: its part {name} {problem}. A network only "
                    "calculates: save it again without this, or as ONNX"
                )


def _programs(archive: ZipFile) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of what is a program, or names what one is made of."""
    for name in archive.namelist():
        if name.endswith((".py", ".pkl")):
            yield name, archive.read(name)


def _problem(content: bytes, *, is_code: bool) -> str:
    if is_code and (found := _FILES.search(content)):
        return f"calls {found[1].decode()!r}, which reads or writes files"
    for one in _OPS.findall(content) if is_code else ():
        if one not in _PLAIN_OPS:
            return f"calls operators of {one.decode()!r}, which are not PyTorch's plain ones"
    for one in _CLASSES.findall(content):
        if one != b"quantized":
            return f"uses objects of {one.decode()!r}, which are more than weights"
    return ""


def load_program(path: Path, device: Any) -> Any:  # noqa: ANN401 - a torch device and module
    """Return the program of an archive on a device, made ready to read."""
    import torch

    check_program(path)
    try:
        with warnings.catch_warnings():
            # TorchScript is no longer developed, but files of it will be brought for years.
            warnings.simplefilter("ignore", DeprecationWarning)
            program: Any = torch.jit.load(str(path), map_location=device)  # type: ignore[no-untyped-call]
    except Exception as error:
        raise told(error, f"loading {path.name}") from error
    return program.eval()
