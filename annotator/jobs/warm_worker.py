"""A trained model held ready in a process of its own: ``python -m annotator.jobs.warm_worker``.

Reads lines of JSON, writes lines of JSON, a mask's bytes after each that has one. The first line in
says where the project is, which fit and which case; the first line out that the model is ready.
"""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any

from annotator.api import Prediction, WarmTrainer, no_progress
from annotator.domain.errors import AnnotatorError
from annotator.jobs.training import ask, drawn_mask, image_of, trained
from annotator.registry import Registry
from annotator.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def main() -> int:
    """Serve until the input ends."""
    lines, out = sys.stdin.buffer, sys.stdout.buffer
    # What a plugin prints must not get among the answers.
    sys.stdout = sys.stderr
    wanted = json.loads(lines.readline())
    try:
        serve(wanted, lines, out)
    except AnnotatorError as error:
        _write(out, {"error": str(error)})
        return 1
    return 0


def serve(wanted: dict[str, Any], lines: IO[bytes], out: IO[bytes]) -> None:
    """Answer one request a line: ``{"trust": {rater id: weight}, "slice": number or null}``."""
    with Store.open(wanted["location"], read_only=True) as store:
        case = store.case(wanted["case"])
        fit, trainer = trained(store, Registry.load(), wanted["fit"])
        content = store.fit_content(fit.fit_id)
        image, series = image_of(store, case)
    _write(out, {"ready": trainer.title})
    warm = (
        trainer.warm(content, image, series.geometry.spacing_mm)
        if isinstance(trainer, WarmTrainer)
        else None
    )

    @lru_cache(maxsize=1)
    def whole(trust: tuple[tuple[str, float], ...]) -> NDArray[np.unsignedinteger]:
        told = dict(trust) or None
        return drawn_mask(ask(trainer, content, image, series, case, no_progress, trust=told))

    for line in lines:
        request = json.loads(line)
        at, trust = request["slice"], request["trust"]
        try:
            if warm is not None and at is not None:
                probability = warm.draw(trust or None, at)[:, None]
                mask = drawn_mask(Prediction(labels=warm.labels, probability=probability))
            else:
                mask = whole(tuple(sorted(trust.items())))
                mask = mask if at is None else mask[at : at + 1]
            _write(out, {}, mask)
        except AnnotatorError as error:
            _write(out, {"error": str(error)})
        except Exception as error:  # a plugin may raise anything; it goes on with the next
            told = f"{trainer.title} failed: {type(error).__name__}: {error}"
            _write(out, {"error": told})


def _write(
    out: IO[bytes], header: dict[str, Any], mask: NDArray[np.unsignedinteger] | None = None
) -> None:
    if mask is not None:
        header = {"shape": mask.shape, "dtype": mask.dtype.name}
    out.write(json.dumps(header).encode() + b"\n")
    if mask is not None:
        out.write(mask.tobytes())
    out.flush()


if __name__ == "__main__":
    sys.exit(main())
