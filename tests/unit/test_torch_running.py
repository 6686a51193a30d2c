"""Torch modules on a device: what their failures mean, dropout, several outputs, precision."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs annotator[torch]")
from torch import Tensor, nn  # noqa: E402

from annotator.api import NetworkCard  # noqa: E402
from annotator.api.networks import DropoutNetwork, SharedNetwork  # noqa: E402
from annotator.domain.errors import AnnotatorError, DeviceLostError  # noqa: E402
from annotator_networks.failures import told  # noqa: E402
from annotator_networks.torch_running import TorchNetwork, require_device  # noqa: E402
from annotator_networks.torchscript import TorchScriptFormat  # noqa: E402
from tests.unit.small_networks import tiny, write_card, write_torchscript  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.unit

CARD = NetworkCard(title="Any", n_dims=3, n_channels=1, labels=((1, "a"), (2, "b")))
BATCH = np.random.default_rng(3).normal(size=(2, 1, 4, 6, 8)).astype(np.float32)


def network(forward: Callable[[Tensor], Any], card: NetworkCard = CARD) -> TorchNetwork:
    return TorchNetwork(forward, card, torch.device("cpu"), mixed=True)


def raising(error: Exception) -> Callable[[Tensor], Tensor]:
    def forward(image: Tensor) -> Tensor:
        raise error

    return forward


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), MemoryError),
        (torch.OutOfMemoryError("HIP out of memory"), MemoryError),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), MemoryError),
        (RuntimeError("MPS backend out of memory"), MemoryError),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling"), MemoryError),
        (RuntimeError("[ONNXRuntimeError] : Failed to allocate memory for"), MemoryError),
        (MemoryError(), MemoryError),
        (RuntimeError("CUDA error: unspecified launch failure"), DeviceLostError),
        (RuntimeError("CUDA error: device-side assert triggered"), DeviceLostError),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), DeviceLostError),
        (torch.AcceleratorError("uncorrectable error"), DeviceLostError),
        (DeviceLostError("gone"), DeviceLostError),
        (RuntimeError("Sizes of tensors must match"), AnnotatorError),
        (IndexError("x"), AnnotatorError),
    ],
)
def test_failures_are_told_apart(error: Exception, meaning: type[Exception]) -> None:
    assert type(told(error, "reading")) is meaning
    with pytest.raises(meaning) as caught:
        network(raising(error)).infer(BATCH)
    assert type(caught.value) is meaning


def test_memory_that_is_not_there_is_a_memory_error() -> None:
    def forward(image: Tensor) -> Any:  # noqa: ANN401
        return torch.empty(1 << 50)

    with pytest.raises(MemoryError, match="reading a window"):
        network(forward).infer(BATCH)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda found: [found, found[..., ::2]],
        lambda found: (found, None),
        lambda found: {"out": found, "aux": found + 1},
        lambda found: {"logits": found},
    ],
)
def test_the_finest_of_several_outputs_is_taken(wrap: Callable[[Tensor], Any]) -> None:
    module = tiny()
    expected = network(module).infer(BATCH)
    np.testing.assert_array_equal(network(lambda image: wrap(module(image))).infer(BATCH), expected)


@pytest.mark.parametrize(
    ("forward", "words"),
    [
        (lambda image: image[..., ::2].repeat(1, 3, 1, 1, 1), "an image of the same size"),
        (lambda image: image.repeat(1, 2, 1, 1, 1), "gave 2 channels; its card names channel 2"),
        (lambda image: "text", "gives out a str, not an image"),
        (lambda image: image.mean(), "an image of the same size"),
    ],
)
def test_outputs_that_do_not_fit_are_told(forward: Callable[[Tensor], Any], words: str) -> None:
    with pytest.raises(AnnotatorError, match=words):
        network(forward).infer(BATCH)


def test_a_module_that_writes_to_its_input_writes_to_a_copy() -> None:
    before = BATCH.copy()
    module = tiny()
    network(lambda image: module(image.mul_(2))).infer(BATCH)
    np.testing.assert_array_equal(BATCH, before)


def test_axes_are_turned_for_files_that_have_x_first() -> None:
    card = NetworkCard(title="x", n_dims=3, n_channels=1, labels=((0, "a"),), axes="xyz")
    seen: list[tuple[int, ...]] = []

    def forward(image: Tensor) -> Tensor:
        seen.append(tuple(image.shape))
        found: Tensor = image * torch.arange(image.shape[2])[None, None, :, None, None]
        return found

    found = network(forward, card).infer(BATCH)
    assert seen == [(2, 1, 8, 6, 4)]
    np.testing.assert_allclose(found, BATCH * np.arange(8, dtype=np.float32), rtol=1e-6)


class Dropping(nn.Module):
    def __init__(self, share: float) -> None:
        super().__init__()
        self.first = nn.Conv3d(1, 8, 3, padding=1)
        self.drop = nn.Dropout(share)
        self.last = nn.Conv3d(8, 3, 1)

    def forward(self, image: Tensor) -> Tensor:
        found: Tensor = self.last(self.drop(torch.relu(self.first(image))))
        return found


@pytest.mark.parametrize("is_program", [False, True])
def test_dropout_follows_its_seed_and_is_off_otherwise(tmp_path: Path, is_program: bool) -> None:
    torch.manual_seed(0)
    module = Dropping(0.4).eval()
    if is_program:
        path = write_card(write_torchscript(tmp_path / "dropping.ts", module))
        found: Any = TorchScriptFormat().open(path, CARD, "cpu", mixed=False)
    else:
        found = TorchNetwork(module, CARD, torch.device("cpu"), mixed=False, modules=[module])
    assert isinstance(found, DropoutNetwork)
    assert found.n_dropouts == 1
    plain = found.infer(BATCH)
    state = torch.random.get_rng_state()
    one, again, two = (found.infer_dropping(BATCH, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, two)
    assert not np.array_equal(one, plain)
    np.testing.assert_array_equal(found.infer(BATCH), plain)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_layers_that_drop_nothing_do_not_count() -> None:
    module = Dropping(0.0).eval()
    found = TorchNetwork(module, CARD, torch.device("cpu"), mixed=False, modules=[module])
    assert found.n_dropouts == 0
    np.testing.assert_array_equal(found.infer_dropping(BATCH, 1), found.infer(BATCH))


def test_a_network_may_be_shared_by_threads() -> None:
    shared = network(tiny())
    expected = shared.infer(BATCH)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(shared.infer(BATCH))) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 4
    for one in found:
        np.testing.assert_array_equal(one, expected)


def test_threads_read_beside_each_other_each_alone() -> None:
    shared = network(tiny())
    assert isinstance(shared, SharedNetwork)
    shared.n_beside = 2
    expected, n_before = shared.infer(BATCH), torch.get_num_threads()
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(shared.infer_beside, [BATCH] * 4):
            np.testing.assert_allclose(found, expected, atol=1e-5)
        assert set(pool.map(lambda _: torch.get_num_threads(), range(4))) == {1}
    assert torch.get_num_threads() == n_before


class Deciding(nn.Module):
    """Takes other steps for bright images than for dark ones."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, 3, 3, padding=1)

    def forward(self, image: Tensor) -> list[Tensor]:
        found: Tensor = self.conv(image)
        return [-found if image.mean() > 1.0 else found, found[..., ::2]]


def test_a_network_is_laid_out_once_its_windows_repeat_and_says_the_same() -> None:
    torch.manual_seed(0)
    module = tiny()
    found = TorchNetwork(module, CARD, torch.device("cpu"), mixed=False, modules=[module])
    found._worth_s = 1e-9
    said = [found.infer(BATCH) for _ in range(5)]
    assert [tuple(shape) for shape in found._quick] == [BATCH.shape]
    for one in said[1:]:
        np.testing.assert_allclose(one, said[0], atol=1e-5)
    wider = np.repeat(BATCH, 2, axis=-1)
    with torch.no_grad():
        np.testing.assert_allclose(
            found.infer(wider), module(torch.from_numpy(wider)).numpy(), atol=1e-5
        )


def test_a_network_that_decides_by_what_it_sees_is_not_written_down() -> None:
    module = Deciding().eval()
    found = TorchNetwork(module, CARD, torch.device("cpu"), mixed=False, modules=[module])
    found._worth_s = 1e-9
    dark = [found.infer(BATCH) for _ in range(4)]
    assert not found._quick
    np.testing.assert_array_equal(dark[3], dark[0])
    bright = torch.from_numpy(BATCH + 5.0)
    with torch.no_grad():
        np.testing.assert_allclose(found.infer(BATCH + 5.0), module(bright)[0].numpy(), atol=1e-5)


def test_layers_that_drop_units_are_never_shared() -> None:
    module = Dropping(0.4).eval()
    found = TorchNetwork(module, CARD, torch.device("cpu"), mixed=False, modules=[module])
    assert found.n_beside == 1
    np.testing.assert_array_equal(found.infer_beside(BATCH), found.infer(BATCH))


def test_devices_that_are_not_here_are_told() -> None:
    assert require_device("cpu").type == "cpu"
    if not torch.backends.mps.is_available():
        with pytest.raises(DeviceLostError, match="no 'mps' device"):
            require_device("mps")
