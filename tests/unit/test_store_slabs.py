"""Slabs as bytes: what is packed comes out, whatever it is packed with, and damage is noticed."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.analysis.runs import SlabRuns, encode
from annotator.domain.errors import IntegrityError
from annotator.store.slabs import codings, pack, slab_key, unpack

pytestmark = pytest.mark.unit


@st.composite
def slab_runs(draw: st.DrawFn) -> SlabRuns:
    """Return runs of any length, up to what 32 bits hold."""
    lengths = draw(st.lists(st.sampled_from([1, 2, 7, 255, 256, 70_000, 1 << 24]), min_size=1))
    labels = draw(st.lists(st.integers(0, 65535), min_size=len(lengths), max_size=len(lengths)))
    return SlabRuns(np.cumsum(lengths).astype(np.uint32), np.array(labels, np.uint16))


@given(slabs=st.lists(slab_runs(), max_size=6), columns=st.sampled_from([1, 5, 512, 70_000]))
def test_slabs_come_back_one_by_one_and_together(slabs: list[SlabRuns], columns: int) -> None:
    blobs = [pack(runs, columns) for runs in slabs]
    together = unpack(blobs)
    assert len(together) == len(slabs)
    for runs, found, blob in zip(slabs, together, blobs, strict=True):
        assert found.equals(runs)
        assert unpack([blob])[0].equals(runs)
        assert slab_key(found) == slab_key(runs)


@settings(max_examples=60)
@given(runs=slab_runs(), place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_changed_byte_is_an_integrity_error_or_another_key(
    runs: SlabRuns, place: float, flip: int
) -> None:
    blob = bytearray(pack(runs, 512))
    blob[int(place * len(blob))] ^= flip
    try:
        (found,) = unpack([bytes(blob)])
    except IntegrityError:
        return
    # Some bytes of a frame carry nothing (reserved bits, a shift of nothing): then all is the same.
    assert found.equals(runs) or slab_key(found) != slab_key(runs)


@given(blob=st.binary(max_size=40))
def test_bytes_that_are_no_slab_are_an_integrity_error(blob: bytes) -> None:
    with pytest.raises(IntegrityError):
        unpack([blob])


def test_the_key_is_the_hash_of_the_runs() -> None:
    runs = SlabRuns(np.array([5, 9], ">u4"), np.array([0, 258], ">u2"))
    content = bytes([5, 0, 0, 0, 9, 0, 0, 0, 0, 0, 2, 1])
    assert slab_key(runs) == hashlib.sha256(content).digest()


def test_the_coding_follows_what_a_row_looks_like() -> None:
    y, x = np.ogrid[:512, :512]
    disc = (y - 250) ** 2 + (x - 160) ** 2 < 120**2
    beside = (y - 255) ** 2 + (x - 400) ** 2 < 100**2
    noise = np.random.default_rng(1).random((512, 512)) < 0.1
    for mask, lag in ((disc, 2), (disc | beside, 4), (noise, 1)):
        runs = encode(mask[None].astype(np.uint8)).slabs[0]
        assert pack(runs, 512)[0] == lag


def test_frames_of_older_programs_are_read_beside_those_with_the_dictionary() -> None:
    mask = np.zeros((3, 40, 50), np.uint16)
    mask[1, 5:30, 7:40], mask[2, 8:20, 9:30] = 3, 7
    grid_slabs = [runs for _, runs in sorted(encode(mask).slabs.items())]
    header, content = codings(grid_slabs[0], 50)[0]
    older = header + zstandard.ZstdCompressor(level=3).compress(content)
    newer = pack(grid_slabs[1], 50)
    assert zstandard.get_frame_parameters(newer[len(header) :]).dict_id
    for found, wanted in zip(unpack([older, newer]), grid_slabs[:2], strict=True):
        assert found.equals(wanted)
