from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs annotator[torch]")
from safetensors.torch import save_file  # noqa: E402

from annotator_networks.exported import ExportedFormat  # noqa: E402
from annotator_networks.monai_bundle import MonaiBundleFormat  # noqa: E402
from annotator_networks.nnunet import NnUNetFormat  # noqa: E402
from annotator_networks.onnx_file import OnnxFormat  # noqa: E402
from annotator_networks.plain_torch import PlainTorchFormat  # noqa: E402
from annotator_networks.torchscript import TorchScriptFormat  # noqa: E402
from tests.contract.network_format_contract import NetworkFormatContract  # noqa: E402
from tests.unit.small_networks import (  # noqa: E402
    nnunet_network,
    nnunet_plans_of_slices,
    tiny,
    write_bundle,
    write_card,
    write_export,
    write_nnunet,
    write_onnx,
    write_torchscript,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import NetworkFormat

pytestmark = pytest.mark.contract

UNET: dict[str, Any] = {
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 3,
    "channels": [4, 8],
    "strides": [2],
    "norm": "batch",
}


def read(module: Any, batch: NDArray[np.float32]) -> NDArray[np.float32]:  # noqa: ANN401
    with torch.no_grad():
        found: NDArray[np.float32] = module(torch.from_numpy(batch.copy())).numpy()
    return found


def turned(batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn z, y, x into x, y, z, as MONAI has them, or back."""
    return np.ascontiguousarray(batch.transpose(0, 1, 4, 3, 2))


class TestTorchScript(NetworkFormatContract):
    def format(self) -> NetworkFormat:
        return TorchScriptFormat()

    def make(self, folder: Path) -> Path:
        return write_card(write_torchscript(folder / "tiny.ts", tiny()))

    def expected(self, path: Path, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return read(torch.jit.load(str(path)), batch)


class TestTorchScriptOfSlices(TestTorchScript):
    spatial = (8, 12)
    n_channels = 2

    def make(self, folder: Path) -> Path:
        place = write_torchscript(folder / "slices.pt", tiny(n_dims=2, n_in=2))
        return write_card(place, n_dims=2, n_channels=2)


class TestExported(NetworkFormatContract):
    def format(self) -> NetworkFormat:
        return ExportedFormat()

    def make(self, folder: Path) -> Path:
        return write_card(write_export(folder / "tiny.pt2"))

    def expected(self, path: Path, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return read(torch.export.load(str(path)).module(), batch)


class TestExportedOfOneSize(TestExported):
    """A graph that takes two images of one size at once."""

    def make(self, folder: Path) -> Path:
        place = write_export(folder / "fixed.pt2", fixed=(2, 1, *self.spatial))
        return write_card(place, patch=list(self.spatial))

    def expected(self, path: Path, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return read(tiny(), batch)


class TestOnnx(NetworkFormatContract):
    def format(self) -> NetworkFormat:
        pytest.importorskip("onnxruntime", reason="needs annotator[networks]")
        return OnnxFormat()

    def make(self, folder: Path) -> Path:
        return write_card(write_onnx(folder / "tiny.onnx", tiny()))

    def expected(self, path: Path, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        found: NDArray[np.float32] = session.run(None, {"image": batch})[0]
        np.testing.assert_allclose(found, read(tiny(), batch), rtol=0, atol=1e-5)
        return found


class TestOnnxWithWeightsBesideIt(TestOnnx):
    def make(self, folder: Path) -> Path:
        onnx = pytest.importorskip("onnx", reason="needs annotator[networks]")
        place = write_onnx(folder / "tiny.onnx", tiny())
        onnx.save_model(
            onnx.load(str(place)),
            str(place),
            save_as_external_data=True,
            location="tiny.weights",
            size_threshold=0,
        )
        return write_card(place)

    def weights(self, path: Path) -> Path:
        return path.with_name("tiny.weights")


class TestStateDict(NetworkFormatContract):
    def format(self) -> NetworkFormat:
        pytest.importorskip("monai", reason="a peer of the development environment")
        return PlainTorchFormat()

    def module(self) -> Any:  # noqa: ANN401
        from monai.networks.nets.unet import UNet

        torch.manual_seed(1)
        return UNet(**UNET).eval()

    def make(self, folder: Path) -> Path:
        place = folder / "unet.pt"
        torch.save({"epoch": 3, "state_dict": self.module().state_dict()}, place)
        return write_card(place, architecture="UNet", arguments=UNET)

    def expected(self, path: Path, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return read(self.module(), batch)


class TestSafetensors(TestStateDict):
    def make(self, folder: Path) -> Path:
        place = folder / "unet.safetensors"
        save_file(self.module().state_dict(), place)
        return write_card(place, architecture="monai.networks.nets.UNet", arguments=UNET)


class TestOwnUNet(NetworkFormatContract):
    spatial = (8, 12)

    def format(self) -> NetworkFormat:
        return PlainTorchFormat()

    def module(self) -> Any:  # noqa: ANN401
        from annotator_recipes.nets import UNet

        torch.manual_seed(2)
        return UNet(1, 3, (4, 8)).eval()

    def make(self, folder: Path) -> Path:
        place = folder / "own.safetensors"
        save_file(self.module().state_dict(), place)
        arguments = {"n_in": 1, "n_out": 3, "widths": [4, 8]}
        return write_card(
            place, n_dims=2, multiple=2, architecture="annotator.UNet", arguments=arguments
        )

    def expected(self, path: Path, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return read(self.module(), batch)


class TestMonaiBundle(NetworkFormatContract):
    yaml = False

    def format(self) -> NetworkFormat:
        pytest.importorskip("monai", reason="a peer of the development environment")
        return MonaiBundleFormat()

    def make(self, folder: Path) -> Path:
        return write_bundle(folder / "bundle", UNET, yaml=self.yaml)

    def weights(self, path: Path) -> Path:
        return path / "models" / "model.pt"

    def expected(self, path: Path, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        from monai.bundle.config_parser import ConfigParser

        parser = ConfigParser()
        config = "inference.yaml" if self.yaml else "inference.json"
        parser.read_config(str(path / "configs" / config))
        module = parser.get_parsed_content("network_def")
        module.load_state_dict(torch.load(self.weights(path), weights_only=True))
        return turned(read(module.eval(), turned(batch)))


class TestMonaiBundleInYaml(TestMonaiBundle):
    yaml = True


class TestMonaiBundleWithAProgram(TestMonaiBundle):
    def make(self, folder: Path) -> Path:
        path = write_bundle(folder / "bundle", UNET)
        (path / "models" / "model.pt").unlink()
        write_torchscript(self.weights(path), tiny())
        return path

    def weights(self, path: Path) -> Path:
        return path / "models" / "model.ts"

    def expected(self, path: Path, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return turned(read(tiny(), turned(batch)))


class TestNnUNet(NetworkFormatContract):
    """Networks built by nnU-Net's package of networks; its own predictor has a test beside this."""

    spatial: tuple[int, ...] = (12, 4, 8)

    def format(self) -> NetworkFormat:
        pytest.importorskip("nnunetv2", reason="a peer of the development environment")
        return NnUNetFormat()

    def make(self, folder: Path) -> Path:
        self.format()
        return write_nnunet(folder, n_folds=2)

    def weights(self, path: Path) -> Path:
        return path / "fold_1" / "checkpoint_final.pth"

    def expected(self, path: Path, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.turned(mean_of_folds(path, np.ascontiguousarray(self.turned(batch))))

    def turned(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return batch.transpose(0, 1, 3, 2, 4)


def mean_of_folds(path: Path, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean output of the folds, each built by nnU-Net itself."""
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    plans = json.loads((path / "plans.json").read_text())
    (configuration,) = plans["configurations"].values()
    found = []
    for fold in (0, 1):
        network = nnunet_network(get_network_from_plans, configuration, deep=False)
        checkpoint = torch.load(path / f"fold_{fold}" / "checkpoint_final.pth", weights_only=True)
        network.load_state_dict(checkpoint["network_weights"])
        found.append(read(network.eval(), batch))
    mean: NDArray[np.float32] = np.mean(found, axis=0)
    return mean


class TestNnUNetOfSlices(TestNnUNet):
    spatial = (12, 8)

    def make(self, folder: Path) -> Path:
        return write_nnunet(folder, n_folds=2, plans=nnunet_plans_of_slices())

    def turned(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return batch.transpose(0, 1, 3, 2)

    def test_card_has_axes_in_the_order_of_the_image(self, path: Path) -> None:
        card = self.format().inspect(path)
        assert card.spacing_mm == (None, 0.75, 0.5)
        assert card.patch == (12, 8)
        assert card.flips == ("x",)


class TestNnUNetOfOldPlans(TestNnUNet):
    """Plans that name a class and its widths, as nnU-Net wrote them before version 2.3."""

    def make(self, folder: Path) -> Path:
        path = write_nnunet(folder, n_folds=2)
        old = write_nnunet(folder / "old", n_folds=0, old_plans=True)
        (path / "plans.json").rename(path / "plans.new")
        (old / "plans.json").rename(path / "plans.json")
        return path

    def expected(self, path: Path, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        (path / "plans.json").rename(path / "plans.old")
        (path / "plans.new").rename(path / "plans.json")
        return super().expected(path, batch)
