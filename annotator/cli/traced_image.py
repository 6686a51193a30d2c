"""The image that belongs to a tracing, read from a file of any kind that the readers know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.api.tracing import TracedImage
from annotator.domain.errors import AnnotatorError, UnreadableError
from annotator.jobs.importing import scan_files
from annotator.jobs.traced_images import spacing_um

if TYPE_CHECKING:
    from pathlib import Path

    from annotator.api import Progress
    from annotator.registry import Registry


def read_traced_image(registry: Registry, path: Path, progress: Progress) -> TracedImage:
    """Read a volume or a projection; of colours the brightest channel counts.

    Where the file says no size of a voxel, one voxel counts as 1 µm.

    Raises AnnotatorError in words: the file may be missing, no image, or several.
    """
    if not path.is_file():
        raise AnnotatorError(f"there is no file {str(path)!r}")
    found, skipped = scan_files(registry.readers(), [path.absolute()], progress)
    if len(found) != 1:
        reason = skipped[0].reason if skipped else "it holds several images"
        raise UnreadableError(f"{path} cannot be read as the image of a tracing: {reason}")
    content = found[0].read(progress)
    voxels = content.voxels
    if voxels.ndim == 4:
        voxels = np.max(voxels, axis=-1)
    return TracedImage(voxels=voxels, spacing_um=spacing_um(content.series.geometry))
