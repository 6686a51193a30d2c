"""Networks laid out as a processor reads them: several times faster than as they were written.

Import only where a network is opened: this module imports torch.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

_SAME = 1e-3
"""How far two ways of calculating may differ, as a share of the largest value."""


class _Whole(torch.nn.Module):
    """What a network calculates, with all that it is made of."""

    def __init__(
        self, forward: Callable[[Tensor], Any], modules: Sequence[torch.nn.Module]
    ) -> None:
        super().__init__()
        self.parts = torch.nn.ModuleList(modules)
        self._calculate = forward
        # Exported programs refuse to be told; what it is made of reads already.
        self.training = False

    def forward(self, image: Tensor) -> Tensor:
        return first_output(self._calculate(image))


def lay_out(
    forward: Callable[[Tensor], Any],
    modules: Sequence[torch.nn.Module],
    given: Tensor,
    expected: Tensor,
) -> Callable[[Tensor], Any] | None:
    """Return what calculates the same for images of this shape, or None where there is no such way.

    The steps that a network takes for ``given`` are written down, its weights are put in the order
    in which the processor's own library reads them, and what comes of it is compared with
    ``expected``. A network that decides by what it sees stays as it is.
    """
    try:
        with warnings.catch_warnings(), torch.inference_mode(mode=False), torch.no_grad():
            warnings.simplefilter("ignore")
            image = given.clone()
            program: Any = forward
            if not isinstance(forward, torch.jit.ScriptModule):
                _refuse_what_decides(forward, image)
                program = torch.jit.trace(_Whole(forward, modules), image, check_trace=False)  # type: ignore[no-untyped-call]
            quick = torch.jit.optimize_for_inference(torch.jit.freeze(program))
            found = first_output(quick(image))
            largest = float(expected.abs().max())
            is_same = found.shape == expected.shape and bool(
                torch.allclose(found, expected.clone(), rtol=0.0, atol=_SAME * largest)
            )
    except Exception:
        return None
    return quick if is_same else None


def _refuse_what_decides(forward: Callable[[Tensor], Any], image: Tensor) -> None:
    """Raise where the steps depend on the values of an image: they are not known beforehand.

    Tensors without values are sent through, which know their shapes only.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True) as shapes_only:
        forward(shapes_only.from_tensor(image))


def first_output(found: Any) -> Tensor:  # noqa: ANN401 - whatever a module gives out
    """Return the finest of what a module gives out."""
    if isinstance(found, dict) and found:
        found = found.get("out", next(iter(found.values())))
    if isinstance(found, list | tuple) and found:
        found = found[0]
    if not isinstance(found, torch.Tensor):
        raise AnnotatorError(f"the network gives out a {type(found).__name__}, not an image")
    return found
