"""Files of strangers that would run something, fill the memory or lead elsewhere are refused."""

from __future__ import annotations

import io
import json
import pickle
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs annotator[torch]")
from torch import Tensor, nn  # noqa: E402

from annotator.api import NetworkCard  # noqa: E402
from annotator.domain.errors import AnnotatorError, UnknownNameError  # noqa: E402
from annotator_networks.exported import ExportedFormat  # noqa: E402
from annotator_networks.monai_bundle import MonaiBundleFormat  # noqa: E402
from annotator_networks.nnunet import NnUNetFormat  # noqa: E402
from annotator_networks.onnx_file import OnnxFormat  # noqa: E402
from annotator_networks.plain_torch import PlainTorchFormat  # noqa: E402
from annotator_networks.torchscript import TorchScriptFormat  # noqa: E402
from tests.unit.small_networks import (  # noqa: E402
    bundle_config,
    nnunet_plans,
    tiny,
    write_bundle,
    write_card,
    write_export,
    write_nnunet,
    write_onnx,
    write_torchscript,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.api import NetworkFormat

pytestmark = pytest.mark.unit

UNET: dict[str, Any] = {
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 3,
    "channels": [4, 8],
    "strides": [2],
}


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    """Return a file that would be there if something had run."""
    return tmp_path / "it ran"


class Bomb:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.witness,))


CARD = NetworkCard(title="Any", n_dims=3, n_channels=1, labels=((1, "Lesion"),))


def refused_at_sight(found: NetworkFormat, path: Path, words: str) -> None:
    with pytest.raises(AnnotatorError, match=words):
        found.inspect(path)


def refused(found: NetworkFormat, path: Path, words: str) -> None:
    """Check that a network is refused in these words, when it is looked at and when opened."""
    refused_at_sight(found, path, words)
    with pytest.raises(AnnotatorError, match=words):
        found.open(path, CARD, "cpu", mixed=False)


def rewrite(path: Path, change: Callable[[str, bytes], bytes | None], **extra: bytes) -> Path:
    """Write an archive anew, each member changed; None leaves it out."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            changed = change(name, content)
            if changed is not None:
                archive.writestr(name, changed)
        for name, content in extra.items():
            archive.writestr(name, content)
    return path


def unet_card(path: Path) -> Path:
    return write_card(path, architecture="UNet", arguments=UNET)


def test_the_bomb_would_go_off(witness: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(witness)))
    assert witness.exists()


@pytest.mark.parametrize("name", ["bomb.pt", "bomb.pth", "bomb.ckpt", "bomb.bin"])
@pytest.mark.parametrize("is_zip", [True, False])
def test_a_pickle_that_runs_something_is_refused(
    tmp_path: Path, witness: Path, name: str, is_zip: bool
) -> None:
    path = unet_card(tmp_path / name)
    torch.save({"state_dict": Bomb(witness)}, path, _use_new_zipfile_serialization=is_zip)
    refused(PlainTorchFormat(), path, "asks for more than weights.*save its weights alone")
    assert not witness.exists()


def test_a_plain_pickle_is_refused(tmp_path: Path, witness: Path) -> None:
    path = unet_card(tmp_path / "bomb.pt")
    path.write_bytes(pickle.dumps(Bomb(witness)))
    refused(PlainTorchFormat(), path, "refused")
    assert not witness.exists()


def test_a_whole_module_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = unet_card(tmp_path / "module.pt")
    torch.save(tiny(), path)
    refused(PlainTorchFormat(), path, "Tiny.*can run any program.*safetensors")


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = unet_card(tmp_path / "weights.pt")
    torch.save({"a": torch.zeros(3)}, path)
    refused(PlainTorchFormat(), path, "does not fit.*lacks .*has besides a")
    torch.save([1, 2], path)
    refused(PlainTorchFormat(), path, "holds no weights by name")


@pytest.mark.parametrize(
    ("architecture", "arguments", "words"),
    [
        ("os.system", {"command": "true"}, "no architecture"),
        ("monai.networks.nets.UNet.__init__", {}, "no architecture"),
        ("monai.bundle.ConfigParser", {}, "no architecture"),
        ("torch.nn.Linear", {}, "no architecture"),
        ("UNeT", {}, "did you mean"),
        ("UNet", {**UNET, "channels": [10**9, 10**9]}, "no network has such a size"),
        ("UNet", {**UNET, "channels": [1] * 1000}, "no plain value, or too large"),
        ("UNet", {**UNET, "surprise": 1}, "building UNet"),
        ("UNet", {"in_channels": 1}, "building UNet"),
    ],
)
def test_only_known_architectures_are_built(
    tmp_path: Path, architecture: str, arguments: dict[str, Any], words: str
) -> None:
    pytest.importorskip("monai", reason="a peer of the development environment")
    path = write_card(tmp_path / "w.pt", architecture=architecture, arguments=arguments)
    torch.save({"a": torch.zeros(3)}, path)
    refused(PlainTorchFormat(), path, words)


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


EVIL = "__import__('pathlib').Path('{witness}').touch()"


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


def config_of(path: Path) -> Path:
    return path / "configs" / "inference.json"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"_target_": "os.system", "command": "touch x"}, "no architecture"),
        ({"_target_": "scripts.net.Net"}, "no architecture"),
        ("$__import__('os').system('true')", "is a program, which is not run"),
        ({"_target_": "UNet", **UNET, "strides": "$[open('x')]"}, "which is not run"),
        (
            {"_target_": "UNet", **UNET, "strides": "$[2].__class__"},
            "is a program, which is not run",
        ),
        ({"_target_": "UNet", **UNET, "strides": "$[x for x in [2]]"}, "is a program"),
        ({"_target_": "UNet", **UNET, "strides": "$[2] * 10000000000"}, "grows too long"),
        ({"_target_": "UNet", **UNET, "in_channels": "$9 ** 9 ** 9"}, "is a program"),
        ({"_target_": "UNet", **UNET, "strides": "@loop"}, "refers to itself"),
        ({"_target_": "UNet", **UNET, "strides": "@nothing"}, "refers to nothing"),
        ({"_target_": "UNet", **UNET, "strides": "@r0"}, "references without an end"),
        ({"_target_": "UNet", **UNET, "strides": "%/etc/passwd::x"}, "asks for another file"),
        (["UNet"], "no network_def with a _target_"),
        ({"_target_": 3}, "no network_def with a _target_"),
        ({"_target_": "UNet", **UNET, "strides": "$[2 / 0]"}, "cannot be calculated"),
        ({"_target_": "UNet", **UNET, "norm": {"a": {"b": "$import os"}}}, "is a program"),
    ],
)
def test_bundles_are_data(tmp_path: Path, change: Any, words: str) -> None:  # noqa: ANN401
    pytest.importorskip("monai", reason="a peer of the development environment")
    path = write_bundle(tmp_path / "bundle", UNET)
    laughs = {f"r{level}": [f"@r{level + 1}"] * 10 for level in range(30)}
    config = {**bundle_config(UNET), "network_def": change, "loop": "@loop", **laughs, "r30": 1}
    config_of(path).write_text(json.dumps(config))
    refused(MonaiBundleFormat(), path, words)


def test_programs_beside_the_network_are_not_run_and_told(tmp_path: Path, witness: Path) -> None:
    pytest.importorskip("monai", reason="a peer of the development environment")
    path = write_bundle(tmp_path / "bundle", UNET)
    config = bundle_config(UNET)
    evil = EVIL.format(witness=witness)
    config["imports"] = ["$import os", f"${evil}"]
    config["preprocessing"]["transforms"] += [f"${evil}", {"_target_": "Spacingd", "pixdim": "$x"}]
    config["initialize"] = [f"${evil}"]
    config_of(path).write_text(json.dumps(config))
    card = MonaiBundleFormat().inspect(path)
    assert "is a program, which is not run" in card.limits
    assert not witness.exists()


def test_yaml_makes_no_objects_and_no_bombs(tmp_path: Path, witness: Path) -> None:
    pytest.importorskip("monai", reason="a peer of the development environment")
    path = write_bundle(tmp_path / "bundle", UNET)
    config_of(path).unlink()
    place = path / "configs" / "inference.yaml"
    place.write_text(f"network_def: !!python/object/apply:pathlib.Path.touch ['{witness}']\n")
    refused(MonaiBundleFormat(), path, "cannot be understood")
    assert not witness.exists()
    place.write_text("a: &a [x, x]\nb: &b [*a, *a]\nnetwork_def: *b\n")
    refused(MonaiBundleFormat(), path, "anchors")


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"network_data_format": []},
        {"network_data_format": {"inputs": 3, "outputs": {"pred": "x"}}},
        {"network_data_format": {"outputs": {"pred": {"channel_def": [1, 2]}}}},
        {"network_data_format": {"outputs": {"pred": {"channel_def": {"1": None}}}}},
        {"name": {"a": 1}, "authors": 7, "intended_use": ["x"]},
    ],
)
def test_metadata_of_wrong_types_gives_an_honest_card_or_words(
    tmp_path: Path,
    metadata: Any,  # noqa: ANN401
) -> None:
    pytest.importorskip("monai", reason="a peer of the development environment")
    path = write_bundle(tmp_path / "bundle", UNET)
    (path / "configs" / "metadata.json").write_text(json.dumps(metadata))
    card = MonaiBundleFormat().inspect(path)
    assert (card.n_dims, card.n_channels) == (3, 1)
    assert all(name.strip() for _, name in card.labels)


def test_metadata_that_is_no_object_is_told_in_words(tmp_path: Path) -> None:
    pytest.importorskip("monai", reason="a peer of the development environment")
    path = write_bundle(tmp_path / "bundle", UNET)
    (path / "configs" / "metadata.json").write_text("[]")
    refused_at_sight(MonaiBundleFormat(), path, "metadata.json holds a list")


@pytest.mark.parametrize("place", ["../secret", "/etc/passwd", "a/../../b", "c:\\x"])
def test_weights_outside_the_folder_are_refused(tmp_path: Path, place: str) -> None:
    onnx = pytest.importorskip("onnx", reason="needs annotator[networks]")
    path = write_card(write_onnx(tmp_path / "tiny.onnx", tiny()))
    model = onnx.load(str(path))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", place
    path.write_bytes(model.SerializeToString())
    refused(OnnxFormat(), path, "outside its own folder")
    with pytest.raises(AnnotatorError, match="outside its own folder"):
        OnnxFormat().files(path)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="needs annotator[networks]")
    folder = tmp_path / "given"
    folder.mkdir()
    path = write_card(write_onnx(folder / "tiny.onnx", tiny()))
    onnx.save_model(
        onnx.load(str(path)),
        str(path),
        save_as_external_data=True,
        location="w.bin",
        size_threshold=0,
    )
    (folder / "w.bin").rename(tmp_path / "w.bin")
    (folder / "w.bin").symlink_to(tmp_path / "w.bin")
    refused(OnnxFormat(), path, "outside its own folder")


def test_operators_of_other_libraries_are_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="needs annotator[networks]")
    path = write_card(write_onnx(tmp_path / "tiny.onnx", tiny()))
    model = onnx.load(str(path))
    model.graph.node[0].domain = "evil.corp"
    path.write_bytes(model.SerializeToString())
    refused(OnnxFormat(), path, "of 'evil.corp' needs another library")


def test_a_checkpoint_of_nnunet_cannot_run_anything(tmp_path: Path, witness: Path) -> None:
    pytest.importorskip("nnunetv2", reason="a peer of the development environment")
    path = write_nnunet(tmp_path, n_folds=1)
    torch.save({"network_weights": Bomb(witness)}, path / "fold_0" / "checkpoint_final.pth")
    refused(NnUNetFormat(), path, "asks for more than weights")
    assert not witness.exists()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("network_class_name", "os.system", "no architecture of nnU-Net"),
        ("network_class_name", "dynamic_network_architectures.architectures.unet.os", "no archi"),
        ("conv_op", "os.system", "no part of an nnU-Net"),
        ("conv_op", "torch.nn.functional.F.conv2d", "no part of an nnU-Net"),
        ("n_stages", 10**7, "no network has such a size"),
        ("features_per_stage", "many", "building PlainConvUNet"),
    ],
)
def test_plans_build_known_networks_only(
    tmp_path: Path,
    key: str,
    value: Any,  # noqa: ANN401
    words: str,
) -> None:
    pytest.importorskip("nnunetv2", reason="a peer of the development environment")
    path = write_nnunet(tmp_path, n_folds=1)
    plans = json.loads(json.dumps(nnunet_plans()))
    told = plans["configurations"]["3d_fullres"]["architecture"]
    (told if key in told else told["arch_kwargs"])[key] = value
    (path / "plans.json").write_text(json.dumps(plans))
    refused(NnUNetFormat(), path, words)


@pytest.mark.parametrize("content", ["[]", "{}", '{"configurations": []}', "{", "\x00", "3"])
def test_plans_of_wrong_types_are_told_in_words(tmp_path: Path, content: str) -> None:
    pytest.importorskip("nnunetv2", reason="a peer of the development environment")
    path = write_nnunet(tmp_path, n_folds=1)
    (path / "plans.json").write_text(content)
    refused(NnUNetFormat(), path, "plans.json")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"n_dims": "3"}, "n_dims"),
        ({"n_channels": 1.5}, "n_channels"),
        ({"labels": {"one": "x"}}, "labels"),
        ({"labels": [[1, "a"], [1, "b"]]}, "each must be named once"),
        ({"spacing_mm": [1, 1]}, "spacing_mm"),
        ({"spacing_mm": [0, 1, 1]}, "above 0"),
        ({"patch": [96, 96]}, "3 sides"),
        ({"patch": [96, 96, 95], "multiple": 16}, "multiple of 16"),
        ({"overlap": 1.0}, "0 to 0.95"),
        ({"orientation": "XYZ"}, "as in RAS"),
        ({"intensity": {"scaling": "range", "low": 3, "high": 1}}, "low must lie below"),
        ({"intensity": {"scaling": "sqrt"}}, "intensity.scaling"),
        ({"flips": ["x", "x"]}, "each once"),
        ({"title": " "}, "needs a name"),
        ({"licence": "x" * 30_000}, "up to 20000 are allowed"),
        ({"lables": {}}, "did you mean 'labels'"),
    ],
)
def test_cards_that_cannot_be_are_told_in_words(
    tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    path = write_card(write_torchscript(tmp_path / "tiny.ts", tiny()), **fields)
    with pytest.raises(AnnotatorError, match=re.escape(words)):
        TorchScriptFormat().inspect(path)


def test_a_missing_card_is_told_with_one_to_copy(tmp_path: Path) -> None:
    path = write_torchscript(tmp_path / "tiny.ts", tiny())
    with pytest.raises(AnnotatorError, match=r"Put a card beside it, named tiny\.json.*n_dims"):
        TorchScriptFormat().inspect(path)


def test_weights_need_an_architecture(tmp_path: Path) -> None:
    path = write_card(tmp_path / "w.pt")
    torch.save(tiny().state_dict(), path)
    with pytest.raises(AnnotatorError, match="does not name the architecture"):
        PlainTorchFormat().inspect(path)


def test_unknown_names_are_told_with_what_was_meant(tmp_path: Path) -> None:
    path = write_card(tmp_path / "w.pt", architecture="SwinUNETRR")
    torch.save(tiny().state_dict(), path)
    with pytest.raises(UnknownNameError, match="did you mean 'SwinUNETR'"):
        PlainTorchFormat().inspect(path)
