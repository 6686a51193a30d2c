"""Four names of timm, for packages that import no more of it: timm would bring torchvision."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

Built = TypeVar("Built", bound="Callable[..., object]")


class DropPath(torch.nn.Module):
    """Leaves branches out while a network learns; here networks only read."""

    def __init__(self, drop_prob: float | None = None) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, value: Tensor) -> Tensor:
        """Return the value as it is."""
        return value


def to_2tuple(value: int | tuple[int, int]) -> tuple[int, int]:
    """Return a number twice, a pair as it is."""
    return value if isinstance(value, tuple) else (value, value)


def register_model(build: Built) -> Built:
    """Return what timm would put on a list."""
    return build


@contextmanager
def timm_stand_in() -> Iterator[None]:
    """Let ``timm.models.layers`` and ``timm.models.registry`` be imported where timm is not."""
    if importlib.util.find_spec("timm") is not None:
        yield
        return
    names = ("timm", "timm.models", "timm.models.layers", "timm.models.registry")
    made = {name: ModuleType(name) for name in names}
    vars(made["timm.models.layers"]).update(
        DropPath=DropPath, to_2tuple=to_2tuple, trunc_normal_=torch.nn.init.trunc_normal_
    )
    vars(made["timm.models.registry"])["register_model"] = register_model
    sys.modules.update(made)
    try:
        yield
    finally:
        for name in names:
            sys.modules.pop(name, None)
