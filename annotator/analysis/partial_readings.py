"""Readings of some boxes only, completed so that they say nothing of the rest of the case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.consensus import choose, count_votes
from annotator.analysis.runs import decode, encode, mask_dtype
from annotator.analysis.votes import merge_votes, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.analysis.runs import MaskRuns
    from annotator.domain.reading import Box


def complete_readings(
    masks: Sequence[MaskRuns], regions: Sequence[tuple[Box, ...]], labels: Sequence[int]
) -> tuple[MaskRuns, ...]:
    """Return the masks, those of some boxes only filled up outside of these.

    ``regions`` holds the half-open boxes of each mask, none where the whole case was read. Outside
    its boxes a mask takes the label that most of the whole readings have, the lowest in a tie: an
    empty mask there would count as a vote for background by somebody who did not look. Without any
    whole reading the masks come back as they are. Must not write to its input.
    """
    whole = [mask for mask, boxes in zip(masks, regions, strict=True) if not boxes]
    if not whole or len(whole) == len(masks):
        return tuple(masks)
    votes = merge_votes(whole, labels=labels)
    shares = count_votes(votes.patterns, votes.labels) / len(whole)
    dtype = mask_dtype(max(votes.labels))
    most = decode(spread(votes, choose(shares, votes.labels)[0].astype(np.int64)), dtype)
    completed = []
    for mask, boxes in zip(masks, regions, strict=True):
        if not boxes:
            completed.append(mask)
            continue
        own, filled = decode(mask, dtype), most.copy()
        for low, high in boxes:
            part = tuple(slice(first, last) for first, last in zip(low, high, strict=True))
            filled[part] = own[part]
        completed.append(encode(filled))
    return tuple(completed)
