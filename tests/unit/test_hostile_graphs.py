"""Programs and graphs of strangers that could do more than calculate are refused."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs annotator[torch]")
from torch import Tensor, nn  # noqa: E402

from annotator.domain.errors import AnnotatorError  # noqa: E402
from annotator_networks.exported import ExportedFormat  # noqa: E402
from annotator_networks.onnx_file import OnnxFormat  # noqa: E402
from annotator_networks.torchscript import TorchScriptFormat  # noqa: E402
from tests.unit.hostile_files import CARD, EVIL, Bomb, refused, rewrite  # noqa: E402
from tests.unit.small_networks import (  # noqa: E402
    tiny,
    write_card,
    write_export,
    write_onnx,
    write_torchscript,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from annotator.api import NetworkFormat

pytestmark = pytest.mark.unit


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    """Return a file that would be there if something had run."""
    return tmp_path / "it ran"


def test_an_archive_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = write_card(write_torchscript(tmp_path / "bomb.ts", tiny()))
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr("bomb/data/9", bytes(80 << 20))
    assert path.stat().st_size < 1 << 20
    refused(TorchScriptFormat(), path, "would unpack to")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tiny/../../out", "leads out"),
        ("tiny/a\\..\\b", "leads out|damaged"),
        ("/etc/passwd", "leads out|more than one folder"),
        ("other/x", "more than one folder"),
        ("tiny/DATA.pkl", "same name"),
    ],
)
def test_members_that_lead_elsewhere_are_refused(tmp_path: Path, name: str, words: str) -> None:
    path = write_card(write_torchscript(tmp_path / "tiny.ts", tiny()))
    refused(TorchScriptFormat(), rewrite(path, lambda _, content: content, **{name: b"x"}), words)
    assert not (tmp_path.parent / "out").exists()


def test_an_archive_with_something_behind_it_is_refused(tmp_path: Path) -> None:
    path = write_card(write_torchscript(tmp_path / "tiny.ts", tiny()))
    path.write_bytes(path.read_bytes() + b"more")
    refused(TorchScriptFormat(), path, "before or after")


FORMATS: dict[str, Callable[[Path], tuple[NetworkFormat, Path]]] = {
    "ts": lambda path: (TorchScriptFormat(), write_torchscript(path, tiny())),
    "pt2": lambda path: (ExportedFormat(), write_export(path)),
    "onnx": lambda path: (OnnxFormat(), write_onnx(path, tiny())),
}


@pytest.mark.parametrize("suffix", FORMATS)
def test_damage_anywhere_is_told_in_words(
    tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime", reason="needs annotator[networks]")
    found, path = FORMATS[suffix](tmp_path / f"tiny.{suffix}")
    whole = path.read_bytes()
    random = np.random.default_rng(8)
    n_refused = 0
    for n_bytes in [1, 4, 40] * 8:
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[random.integers(0, len(whole), n_bytes)] = random.integers(0, 256, n_bytes)
        path.write_bytes(damaged.tobytes())
        try:
            found.open(path, CARD, "cpu", mixed=False).infer(np.zeros((1, 1, 4, 4, 4), np.float32))
        except (AnnotatorError, MemoryError):
            n_refused += 1  # what is not refused has other weights, and another hash
    assert n_refused > 8
    assert capfd.readouterr().out == ""


class Writer(nn.Module):
    """A network that writes and reads files while it reads images."""

    def forward(self, image: Tensor) -> Tensor:
        torch.save(image, "/tmp/never")
        return image


class Reader(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        found: Tensor = image + torch.from_file("/etc/passwd", False, 4).sum()
        return found


@pytest.mark.parametrize(("module", "call"), [(Writer(), "save"), (Reader(), "from_file")])
def test_a_program_that_touches_files_is_refused(
    tmp_path: Path, module: nn.Module, call: str
) -> None:
    path = write_card(write_torchscript(tmp_path / "program.ts", module))
    refused(TorchScriptFormat(), path, f"calls '{call}', which reads or writes files")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ('torch . save(x, "a")', "'save'"),
        ('torch.\\\n  save(x, "a")', "'save'"),
        ('ops.aten.save(x, "a")', "'save'"),
        ('torch. # hidden\n save(x, "a")', "'save'"),
        ("ops.torchvision.nms(x, x, 1.)", "operators of 'torchvision'"),
        ("__torch__.torch.classes.dist_rpc.WorkerInfo()", "objects of 'dist_rpc'"),
    ],
)
def test_a_program_cannot_hide_what_it_calls(tmp_path: Path, call: str, words: str) -> None:
    path = write_card(write_torchscript(tmp_path / "tiny.ts", tiny()))

    def hide(name: str, content: bytes) -> bytes:
        return content + f"\n  _9 = {call}\n".encode() if name.endswith(".py") else content

    refused(TorchScriptFormat(), rewrite(path, hide), words)


def test_the_older_kind_of_program_is_refused(tmp_path: Path) -> None:
    path = write_card(write_torchscript(tmp_path / "tiny.ts", tiny()))
    rewrite(path, lambda _, content: content, **{"tiny/model.json": b"{}"})
    refused(TorchScriptFormat(), path, "no TorchScript archive as PyTorch writes them now")


def edited_graph(path: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    def change(name: str, content: bytes) -> bytes:
        if not name.endswith("models/model.json"):
            return content
        graph = json.loads(content)
        edit(graph)
        return json.dumps(graph).encode()

    return rewrite(path, change)


def graph_of(graph: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = graph["graph_module"]["graph"]
    return found


@pytest.mark.parametrize(
    "target",
    [
        "torch.hub.load",
        "torch.serialization.os.system",
        "torch.ops.aten.from_file.default",
        "torch.ops.load_library",
        "_operator.methodcaller",
        "math.__loader__.load_module",
        "#ext:any",
    ],
)
def test_a_graph_that_calls_other_functions_is_refused(tmp_path: Path, target: str) -> None:
    path = write_card(write_export(tmp_path / "tiny.pt2"))

    def edit(graph: dict[str, Any]) -> None:
        graph_of(graph)["nodes"][0]["target"] = target

    refused(ExportedFormat(), edited_graph(path, edit), "no operator|could be a program")


@pytest.mark.parametrize("where", ["size", "range", "argument name", "spec", "node name"])
def test_texts_that_would_be_evaluated_are_refused(
    tmp_path: Path, witness: Path, where: str
) -> None:
    path = write_card(write_export(tmp_path / "tiny.pt2"))
    evil = EVIL.format(witness=witness)

    def edit(graph: dict[str, Any]) -> None:
        module = graph["graph_module"]
        if where == "size":
            sizes = graph_of(graph)["tensor_values"]["image"]["sizes"]
            sizes[0]["as_expr"]["expr_str"] = evil
        elif where == "range":
            graph["range_constraints"][evil] = {"min_val": 1, "max_val": None}
        elif where == "argument name":
            module["module_call_graph"][0]["signature"]["forward_arg_names"] = [f"a={evil}"]
        elif where == "spec":
            module["module_call_graph"][0]["signature"]["out_spec"] = json.dumps(
                [
                    1,
                    {
                        "type": "collections.defaultdict",
                        "context": json.dumps(
                            {
                                "default_factory_module": "antigravity",
                                "default_factory_name": "x",
                                "dict_context": [],
                            }
                        ),
                        "children_spec": [],
                    },
                ]
            )
        else:
            graph_of(graph)["nodes"][0]["name"] = f'x")\n{evil}'

    refused(ExportedFormat(), edited_graph(path, edit), "is refused: its graph")
    assert not witness.exists()


def test_guards_are_programs_and_left_out(tmp_path: Path, witness: Path) -> None:
    path = write_card(write_export(tmp_path / "tiny.pt2"))
    evil = EVIL.format(witness=witness)
    edited_graph(path, lambda graph: graph.update(guards_code=[f"{evil} or True"]))
    found = ExportedFormat()
    network = found.open(path, found.inspect(path), "cpu", mixed=False)
    assert network.infer(torch.zeros(1, 1, 4, 4, 4).numpy()).shape == (1, 3, 4, 4, 4)
    assert not witness.exists()


def test_pickled_samples_are_left_out_and_pickled_weights_refused(
    tmp_path: Path, witness: Path
) -> None:
    path = write_card(write_export(tmp_path / "tiny.pt2"))
    buffer = io.BytesIO()
    torch.save((Bomb(witness), {}), buffer)

    def with_bomb(name: str, content: bytes) -> bytes:
        return buffer.getvalue() if "sample_inputs" in name else content

    rewrite(path, with_bomb)
    found = ExportedFormat()
    found.open(path, found.inspect(path), "cpu", mixed=False)
    assert not witness.exists()

    def pickled(name: str, content: bytes) -> bytes:
        if name.endswith("weights_config.json"):
            return content.replace(b'"use_pickle": false', b'"use_pickle": true')
        return buffer.getvalue() if name.endswith("weight_0") else content

    refused(ExportedFormat(), rewrite(path, pickled), "not kept as plain numbers")
    assert not witness.exists()


def test_compiled_programs_are_refused(tmp_path: Path) -> None:
    path = write_card(write_export(tmp_path / "tiny.pt2"))
    extra = {"archive/data/aotinductor/model/a.so": b"\x7fELF"}
    refused(ExportedFormat(), rewrite(path, lambda _, one: one, **extra), "no compiled program")
