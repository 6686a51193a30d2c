"""What a plugin author imports: the protocols of each door.

A plugin is a :class:`Plugin` record, named by an entry point in the group ``annotator.plugins``.
"""

from __future__ import annotations

from annotator.analysis.pyramid import Pyramid, PyramidVoxels
from annotator.api.cases import CaseVotes, CaseWindow
from annotator.api.contours import ContourDetector, ContourLesson, DrawnContour, JudgedContour
from annotator.api.fusion import (
    AnyFusionMethod,
    FusedPatterns,
    FusedVoxels,
    FusionMethod,
    LearnedFusionMethod,
    SpatialFusionMethod,
    VotePatterns,
)
from annotator.api.identity import are_voxels_of, combined_series_id, series_id, slice_digest
from annotator.api.learning import (
    BelievedLabels,
    DeskTrainer,
    LabelChecker,
    Learned,
    Prediction,
    Trainer,
    TrainingDesk,
    WarmDrawing,
    WarmTrainer,
)
from annotator.api.models import Model, ModelCard
from annotator.api.networks import (
    Device,
    Intensity,
    Network,
    NetworkCard,
    NetworkFormat,
    SuppliedNetwork,
)
from annotator.api.plugin import Plugin
from annotator.api.progress import Progress, no_progress
from annotator.api.prompts import Prompt, PromptAnswer, PromptedImage, PromptKind, PromptModel
from annotator.api.propagation import Aligner, Carrier, PlacedImage, Propagated, Propagator
from annotator.api.readers import (
    FOLDER_MARKS,
    FoundSeries,
    ReadSeries,
    ScanResult,
    Skipped,
    StudyReader,
)
from annotator.api.slides import SlideFile, SlideFiles, SlideReader, slide_digest
from annotator.api.tracing import TraceDetector, TracedImage, TracedNeuron, TraceLesson
from annotator.api.writers import MaskForExport, MaskWriter
from annotator.checked_file import checked_file

__all__ = [
    "FOLDER_MARKS",
    "Aligner",
    "AnyFusionMethod",
    "BelievedLabels",
    "Carrier",
    "CaseVotes",
    "CaseWindow",
    "ContourDetector",
    "ContourLesson",
    "DeskTrainer",
    "Device",
    "DrawnContour",
    "FoundSeries",
    "FusedPatterns",
    "FusedVoxels",
    "FusionMethod",
    "Intensity",
    "JudgedContour",
    "LabelChecker",
    "Learned",
    "LearnedFusionMethod",
    "MaskForExport",
    "MaskWriter",
    "Model",
    "ModelCard",
    "Network",
    "NetworkCard",
    "NetworkFormat",
    "PlacedImage",
    "Plugin",
    "Prediction",
    "Progress",
    "Prompt",
    "PromptAnswer",
    "PromptKind",
    "PromptModel",
    "PromptedImage",
    "Propagated",
    "Propagator",
    "Pyramid",
    "PyramidVoxels",
    "ReadSeries",
    "ScanResult",
    "Skipped",
    "SlideFile",
    "SlideFiles",
    "SlideReader",
    "SpatialFusionMethod",
    "StudyReader",
    "SuppliedNetwork",
    "TraceDetector",
    "TraceLesson",
    "TracedImage",
    "TracedNeuron",
    "Trainer",
    "TrainingDesk",
    "VotePatterns",
    "WarmDrawing",
    "WarmTrainer",
    "are_voxels_of",
    "checked_file",
    "combined_series_id",
    "no_progress",
    "series_id",
    "slice_digest",
    "slide_digest",
]
