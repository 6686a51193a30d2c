"""What a plugin is: a record of everything that one distribution adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.api.contours import ContourDetector
    from annotator.api.fusion import AnyFusionMethod
    from annotator.api.learning import Trainer
    from annotator.api.models import Model
    from annotator.api.networks import NetworkFormat
    from annotator.api.prompts import PromptModel
    from annotator.api.propagation import Propagator
    from annotator.api.readers import StudyReader
    from annotator.api.tracing import TraceDetector
    from annotator.api.writers import MaskWriter


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plugin:
    """Everything that one distribution adds; each entry is loaded on first use by calling it."""

    name: str
    readers: tuple[Callable[[], StudyReader], ...] = ()
    fusion_methods: tuple[Callable[[], AnyFusionMethod], ...] = ()
    trainers: tuple[Callable[[], Trainer], ...] = ()
    models: tuple[Callable[[], Model], ...] = ()
    network_formats: tuple[Callable[[], NetworkFormat], ...] = ()
    prompt_models: tuple[Callable[[], PromptModel], ...] = ()
    propagators: tuple[Callable[[], Propagator], ...] = ()
    trace_detectors: tuple[Callable[[], TraceDetector], ...] = ()
    contour_detectors: tuple[Callable[[], ContourDetector], ...] = ()
    mask_writers: tuple[Callable[[], MaskWriter], ...] = ()
