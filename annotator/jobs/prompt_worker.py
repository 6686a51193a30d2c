"""A prompt model held ready in a process of its own: ``python -m annotator.jobs.prompt_worker``.

Reads and writes lines of JSON; the image comes and the masks go through shared memory. The first
line in names the model, the first line out says that it is ready. Then
``{"take": {…}}`` gives an image, ``{"number": n, "prompts": [...]}`` asks.
"""

from __future__ import annotations

import json
import sys
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from annotator.api import Prompt
from annotator.domain.errors import AnnotatorError, CancelledError
from annotator.jobs.shared_arrays import array_in, attach_shared, get_bytes, put_bytes
from annotator.registry import Registry

if TYPE_CHECKING:
    from multiprocessing.shared_memory import SharedMemory

    from numpy.typing import NDArray

    from annotator.api import PromptAnswer, PromptedImage, PromptModel

NUMBER_BYTES = 8
"""At the start of the memory for answers: the number of the question that still matters."""


def main() -> int:
    """Serve until the input ends."""
    lines, out = sys.stdin.buffer, sys.stdout.buffer
    # What a plugin prints must not get among the answers.
    sys.stdout = sys.stderr
    try:
        model = Registry.load().prompt_model(json.loads(lines.readline())["model"])
    except AnnotatorError as error:
        write(out, {"error": str(error)})
        return 1
    write(out, {"ready": model.card.title})
    worker = PromptWorker(model, out)
    for line in lines:
        worker.serve(json.loads(line))
    return 0


class PromptWorker:
    """One prompt model and the image that it holds."""

    def __init__(self, model: PromptModel, out: IO[bytes]) -> None:
        self._model = model
        self._out = out
        self._image: PromptedImage | None = None
        self._memory: SharedMemory | None = None
        self._number = 0

    def serve(self, request: dict[str, Any]) -> None:
        """Do what a line asks for, and say in a line how it went."""
        title = self._model.card.title
        try:
            if "take" in request:
                self._take(request["take"])
                write(self._out, {"taken": True})
            else:
                self._number = request["number"]
                write(self._out, self._answer(request["prompts"]))
        except CancelledError:
            write(self._out, {"cancelled": True})
        except AnnotatorError as error:
            write(self._out, {"error": str(error)})
        except Exception as error:  # a plugin may raise anything; it goes on with the next
            write(self._out, {"error": f"{title} failed: {type(error).__name__}: {error}"})

    def _take(self, request: dict[str, Any]) -> None:
        self._image = None
        self._number = request["number"]
        given = attach_shared(request["image"])
        self._memory = attach_shared(request["answers"])
        write(self._out, {"attached": True})
        stored = array_in(given, tuple(request["shape"]), request["dtype"])
        image = stored.astype(np.float32)
        image *= np.float32(request["slope"])
        image += np.float32(request["intercept"])
        del stored
        given.close()
        image.setflags(write=False)
        z, y, x = request["spacing_mm"]
        self._image = self._model.take_in(image, (z, y, x), self._tell)

    def _answer(self, told: list[dict[str, Any]]) -> dict[str, Any]:
        if self._image is None or self._memory is None:
            raise AnnotatorError("the prompt model has no image yet")
        prompts = tuple(prompt_of(one) for one in told)
        found = self._image.answer(prompts)
        box = plain_box(found)
        put_bytes(self._memory, NUMBER_BYTES, np.packbits(found.mask).tobytes())
        return {"box": box}

    def _tell(self, fraction: float, words: str) -> None:
        if self._memory is not None:
            wanted = int.from_bytes(get_bytes(self._memory, 0, NUMBER_BYTES), "little")
            if wanted != self._number:
                raise CancelledError("nobody waits for this answer any more")
        write(self._out, {"progress": fraction, "words": words})


def write(out: IO[bytes], line: dict[str, Any]) -> None:
    """Write one line of JSON at once."""
    out.write(json.dumps(line).encode() + b"\n")
    out.flush()


def prompt_of(told: dict[str, Any]) -> Prompt:
    """Return a prompt from its JSON."""
    return Prompt(
        kind=told["kind"],
        is_positive=told["is_positive"],
        voxels=tuple((z, y, x) for z, y, x in told["voxels"]),
        plane=told["plane"],
    )


def plain_box(answer: PromptAnswer) -> list[list[int]]:
    """Return the box of an answer for JSON; plugins may have left numpy's numbers in it."""
    box: NDArray[np.int64] = np.asarray(answer.box, np.int64)
    if answer.mask.shape != tuple(box[1] - box[0]):
        raise AnnotatorError(
            f"the prompt model gave a mask of {answer.mask.shape} for the box {answer.box}"
        )
    found: list[list[int]] = box.tolist()
    return found


if __name__ == "__main__":
    sys.exit(main())
