"""What hangs together with something: parts that share faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def touched(inside: NDArray[np.bool_], seeds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the connected parts of ``inside`` that hold a seed; voxels that share a face connect.

    Both arrays have one shape; seeds outside count for nothing.
    """
    from scipy import ndimage  # scipy takes a while to import

    parts, n_parts = ndimage.label(inside)
    if n_parts == 1:  # no need to look which
        return inside if (inside & seeds).any() else np.zeros_like(inside)
    is_wanted = np.zeros(n_parts + 1, np.bool_)
    is_wanted[parts[seeds]] = True
    is_wanted[0] = False
    found: NDArray[np.bool_] = is_wanted[parts]
    return found
