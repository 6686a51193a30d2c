"""What a person may set before a network reads."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class NetworkSettings(BaseModel):
    """How a supplied network reads cases."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    overlap: float | None = Field(
        default=None,
        ge=0.0,
        le=0.9,
        description="Share of a window that the next one covers again; empty: as its author says. "
        "More is smoother and takes longer.",
    )
    flips: Literal["author", "none", "x", "yx", "zyx"] = Field(
        default="author",
        description="Axes along which flipped images are read too and averaged; each doubles the "
        "time. How far these readings differ is kept as uncertainty.",
    )
    device: Literal["auto", "cuda", "mps", "cpu"] = Field(
        default="auto", description="What it runs on; auto takes the fastest that is there."
    )
    mixed: bool = Field(
        default=True, description="Half precision where that is safe and faster: on CUDA."
    )
    samples: int = Field(
        default=1,
        ge=1,
        le=50,
        description="Readings with units dropped at random, for networks that were trained so; "
        "how far they differ is kept as uncertainty.",
    )
    skip_empty: bool = Field(
        default=True,
        description="Leave out windows with nothing but air around the patient (CT), or where the "
        "image has its lowest value throughout.",
    )
    batch: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Windows that are read at once; empty: one on a processor, four on a graphics "
        "card.",
    )
    keep_maps: bool = Field(
        default=True,
        description="Keep how probable each label is, and how unsure the network was, voxel by "
        "voxel.",
    )
