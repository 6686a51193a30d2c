"""ONNX files, read by ONNX Runtime.

A graph only calculates; what can lead out of it are weights that lie in other files, and operators
of other libraries. The first must lie beside it, the second are refused.
"""

from __future__ import annotations

import threading
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.domain.errors import AnnotatorError, DeviceLostError
from annotator_networks.batches import (
    check_batch,
    check_output,
    check_shape,
    in_file_order,
    in_pieces,
)
from annotator_networks.card_files import read_card, with_card
from annotator_networks.failures import told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annotator.api import Device, Network, NetworkCard

_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}
_REFUSED = {"EPContext", "PyOp", "Snpe", "OpenVINO"}
"""Operators of these domains that load other programs."""
_PROVIDERS: dict[str, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "mps": "CoreMLExecutionProvider",
}
_WORDS = {"cpu": "CPU", "cuda": "NVIDIA GPU (ONNX Runtime)", "mps": "Apple GPU (Core ML)"}


class OnnxFormat:
    """ONNX files, with a card beside them."""

    name = "onnx"
    title = "ONNX"

    def recognises(self, path: Path) -> bool:
        """Say whether a file ends as ONNX files do."""
        return path.suffix.lower() == ".onnx" and path.is_file()

    def files(self, path: Path) -> tuple[Path, ...]:
        """Return the graph, its card, and the files that hold its weights."""
        weights = {path.parent / place for place in _outside(_model(path), path)}
        return tuple(sorted({*with_card(path), *weights}))

    def inspect(self, path: Path) -> NetworkCard:
        """Return the card beside the graph, compared with what the graph takes in."""
        card = read_card(path)[0]
        model = _model(path)
        for place in _outside(model, path):
            if not (path.parent / place).is_file():
                raise AnnotatorError(
                    f"{path.name} is incomplete: its weights {place!r} are missing"
                )
        check_shape(_input_shape(model, path), card, name=path.name)
        return card

    def open(self, path: Path, card: NetworkCard, device: Device, *, mixed: bool) -> Network:
        """Load the graph; the precision is what it was written in, ``mixed`` changes nothing."""
        del mixed
        _outside(_model(path), path)
        runtime = _require("onnxruntime")
        provider = _PROVIDERS[device]
        if provider not in runtime.get_available_providers():
            raise DeviceLostError(f"ONNX Runtime on this machine has no {device!r} device")
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        # Threads that wait in a loop take the processor from whoever puts windows together.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = runtime.InferenceSession(
                str(path), options, providers=[provider], enable_fallback=0
            )
        except Exception as error:
            raise told(error, f"loading {path.name}") from error
        if session.get_providers()[0] != provider:
            raise DeviceLostError(f"ONNX Runtime could not start its {device!r} device")
        return OnnxNetwork(session, card, _WORDS[device])


class OnnxNetwork:
    """A session of ONNX Runtime; batches that share it take turns."""

    def __init__(self, session: Any, card: NetworkCard, device: str) -> None:  # noqa: ANN401
        self.device = device
        self._session = session
        self._card = card
        taken = session.get_inputs()[0]
        first = taken.shape[0]
        self._n_fixed = first if isinstance(first, int) else None
        self._name = taken.name
        self._dtype = np.float16 if taken.type == "tensor(float16)" else np.float32
        self._output = session.get_outputs()[0].name
        self._turn = threading.Lock()

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits ``(n, label, z, y, x)`` for ``(n, channel, z, y, x)``."""
        check_batch(batch, self._card)
        try:
            with self._turn:
                found = in_pieces(self._read, batch, self._n_fixed)
        except Exception as error:
            raise told(error, f"reading a window of {batch.shape}") from error
        check_output(found, batch, self._card)
        return found

    def _read(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        given = np.ascontiguousarray(in_file_order(batch, self._card), dtype=self._dtype)
        found = self._session.run([self._output], {self._name: given})[0]
        return in_file_order(np.asarray(found, np.float32), self._card)


def _require(module: str) -> Any:  # noqa: ANN401 - a module
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        raise AnnotatorError(
            f"an ONNX network needs {module}, which cannot be imported ({error}); install it "
            "with: pip install 'annotator[networks]'"
        ) from error


def _model(path: Path) -> Any:  # noqa: ANN401 - a message of the onnx library
    onnx = _require("onnx")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except OSError as error:
        raise AnnotatorError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # whatever the parser of a damaged file raises
        raise AnnotatorError(f"{path.name} is refused: it is no whole ONNX file") from error
    if not model.graph.node:
        raise AnnotatorError(f"{path.name} is refused: it holds no network")
    return model


def _outside(model: Any, path: Path) -> tuple[str, ...]:  # noqa: ANN401
    """Return the files that hold weights, relative to the graph's folder.

    Raises AnnotatorError where one leads elsewhere, or where an operator is not ONNX's own.
    """
    found = set()
    for part in _parts(model):
        if isinstance(part, tuple):
            domain, operator = part
            if domain not in _DOMAINS or operator in _REFUSED:
                raise AnnotatorError(
                    f"{path.name} is refused: its operator {operator!r} of {domain or 'ONNX'!r} "
                    "needs another library; export it with ONNX's own operators"
                )
        elif part:
            found.add(_checked_place(part, path))
    return tuple(sorted(found))


def _checked_place(place: str, path: Path) -> str:
    inside = PurePosixPath(place)
    target = path.parent / place
    if (
        inside.is_absolute()
        or ".." in inside.parts
        or "\\" in place
        or ":" in place
        or path.parent.resolve() not in target.resolve().parents
    ):
        raise AnnotatorError(
            f"{path.name} is refused: it asks for weights at {place!r}, outside its own folder"
        )
    return place


def _parts(model: Any) -> Iterator[tuple[str, str] | str]:  # noqa: ANN401
    """Yield (domain, operator) of every node, and the place of every tensor that lies outside."""
    own = {(one.domain, one.name) for one in model.functions}
    yield from _of_graph(model.graph, own)
    for function in model.functions:
        yield from _of_nodes(function.node, own)


def _of_graph(graph: Any, own: set[tuple[str, str]]) -> Iterator[tuple[str, str] | str]:  # noqa: ANN401
    for tensor in graph.initializer:
        yield _place(tensor)
    for sparse in graph.sparse_initializer:
        yield _place(sparse.values)
        yield _place(sparse.indices)
    yield from _of_nodes(graph.node, own)


def _of_nodes(nodes: Any, own: set[tuple[str, str]]) -> Iterator[tuple[str, str] | str]:  # noqa: ANN401
    for node in nodes:
        if (node.domain, node.op_type) not in own:
            yield (node.domain, node.op_type)
        for attribute in node.attribute:
            for tensor in (attribute.t, *attribute.tensors):
                yield _place(tensor)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield _place(sparse.values)
                yield _place(sparse.indices)
            for graph in (attribute.g, *attribute.graphs):
                yield from _of_graph(graph, own)


def _place(tensor: Any) -> str:  # noqa: ANN401 - a message of the onnx library
    return next((entry.value for entry in tensor.external_data if entry.key == "location"), "")


def _input_shape(model: Any, path: Path) -> tuple[int | None, ...]:  # noqa: ANN401
    weights = {tensor.name for tensor in model.graph.initializer}
    taken = [entry for entry in model.graph.input if entry.name not in weights]
    if len(taken) != 1:
        names = ", ".join(entry.name for entry in taken) or "nothing"
        raise AnnotatorError(f"{path.name} takes in {names}; one image is what can be given")
    sides = taken[0].type.tensor_type.shape.dim
    return tuple(side.dim_value if side.HasField("dim_value") else None for side in sides)
