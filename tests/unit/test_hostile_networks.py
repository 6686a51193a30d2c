"""Files of strangers that would run something, fill the memory or lead elsewhere are refused."""

from __future__ import annotations

import json
import pickle
import re
from typing import TYPE_CHECKING, Any

import pytest

torch = pytest.importorskip("torch", reason="needs annotator[torch]")
from annotator.domain.errors import AnnotatorError, UnknownNameError  # noqa: E402
from annotator_networks.monai_bundle import MonaiBundleFormat  # noqa: E402
from annotator_networks.nnunet import NnUNetFormat  # noqa: E402
from annotator_networks.onnx_file import OnnxFormat  # noqa: E402
from annotator_networks.plain_torch import PlainTorchFormat  # noqa: E402
from annotator_networks.torchscript import TorchScriptFormat  # noqa: E402
from tests.unit.hostile_files import (  # noqa: E402
    EVIL,
    Bomb,
    refused,
    refused_at_sight,
)
from tests.unit.small_networks import (  # noqa: E402
    bundle_config,
    nnunet_plans,
    tiny,
    write_bundle,
    write_card,
    write_nnunet,
    write_onnx,
    write_torchscript,
)

if TYPE_CHECKING:
    from pathlib import Path

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
