"""DICOM: series put in order by their geometry, never by file name."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.api import FoundSeries, ScanResult, Skipped
from annotator.domain.errors import UnreadableError
from annotator_builtins.dicom_datasets import read_dataset, read_headers
from annotator_builtins.dicom_fast import HeaderWalker
from annotator_builtins.dicom_groups import Group, drop_copies, group_slices
from annotator_builtins.dicom_load import first_slice, load_stack
from annotator_builtins.dicom_stack import Stack, build_stacks
from annotator_builtins.file_list import expand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.api import Progress
    from annotator_builtins.dicom_headers import SliceHeader

SUFFIXES = frozenset({".dcm", ".dicom", ".dic", ".ima"})
OTHER_SUFFIXES = frozenset(
    """
    .nii .gz .nrrd .nhdr .mha .mhd .raw .zraw .img .hdr .png .jpg .jpeg .tif .tiff .bmp .gif .txt
    .csv .json .xml .html .htm .pdf .zip .md .py .npy .npz .swc .ini .exe .dll .inf .log .yaml .yml
    .js .css .ico .svg
    """.split()  # noqa: SIM905  (a list of thirty literals is harder to read)
)
PROGRESS_STEP = 16


class DicomReader:
    """Reads DICOM files of any modality, with or without suffix, preamble or DICOMDIR."""

    name = "dicom"

    def scan(self, paths: Sequence[Path], progress: Progress) -> ScanResult:
        """Group the DICOM files among ``paths`` (directories are walked) into series."""
        files = expand(paths)
        walker = HeaderWalker()
        slices: list[SliceHeader] = []
        skipped: list[Skipped] = []
        for number, path in enumerate(files):
            if number % PROGRESS_STEP == 0:
                progress(0.95 * number / len(files), f"Reading headers: {number} of {len(files)}")
            try:
                slices.extend(_headers(walker, path))
            except Exception as error:  # one bad file may not stop the others
                skipped.append(Skipped(path=path, reason=_reason(path, error)))
        kept, copies = drop_copies(slices)
        skipped.extend(
            Skipped(path=path, reason=f"holds the same instance as {original}")
            for path, original in copies.items()
        )
        found: list[FoundSeries] = []
        groups = group_slices(kept)
        for group in groups:
            stacks = _stacks(group)
            if isinstance(stacks, str):
                names = dict.fromkeys(item.path for item in group.slices)
                skipped.extend(Skipped(path=path, reason=stacks) for path in names)
            else:
                found.extend(_found(stack) for stack in stacks)
        skipped.extend(_repeats(groups))
        progress(1.0, f"Found {len(found)} DICOM series")
        return ScanResult(found=tuple(found), skipped=tuple(skipped))


def _headers(walker: HeaderWalker, path: str) -> tuple[SliceHeader, ...]:
    """Return the header of each frame of a file; none where it is no business of this reader."""
    header = walker.read(path)
    if header is not None:
        return (header,)
    if is_dicom(path):
        return read_headers(path)
    if Path(path).suffix.lower() in SUFFIXES:
        raise UnreadableError(_why_not(path))
    return ()


def _repeats(groups: tuple[Group, ...]) -> list[Skipped]:
    """Return the files of which nothing is left once repeated slices are gone."""
    used = {item.path for group in groups for item in group.slices}
    copies = {path: original for group in groups for path, original in group.copies}
    return [
        Skipped(path=path, reason=f"repeats the position and pixels of {original}")
        for path, original in copies.items()
        if path not in used
    ]


def _stacks(group: Group) -> tuple[Stack, ...] | str:
    try:
        return build_stacks(group)
    except UnreadableError as error:
        return str(error)
    except Exception as error:  # one bad series may not stop the others
        return f"its slices cannot be laid out: {type(error).__name__}: {error}"


def is_dicom(path: str) -> bool:
    """Say whether a file is DICOM, by its first bytes; files without preamble too."""
    with open(path, "rb") as stream:
        head = stream.read(132)
    if head[128:132] == b"DICM":
        return True
    if Path(path).suffix.lower() in OTHER_SUFFIXES or len(head) < 16:
        return False
    group, is_low_number = head[:2], head[3] == 0
    starts_like_dicom = group in (b"\x02\x00", b"\x08\x00") and is_low_number
    starts_big_endian = head[:3] == b"\x00\x08\x00"
    return starts_like_dicom or starts_big_endian


def _why_not(path: str) -> str:
    if Path(path).stat().st_size == 0:
        return "the file is empty"
    return "not a DICOM file, in spite of its name"


def _reason(path: str, error: Exception) -> str:
    if isinstance(error, OSError):
        return f"cannot be opened: {error.strerror or error}"
    if not isinstance(error, UnreadableError):
        return f"damaged DICOM file ({type(error).__name__}: {error})"
    return str(error).removeprefix(f"{path}: ")


def _found(stack: Stack) -> FoundSeries:
    names = tuple(dict.fromkeys(item.path for item in stack.slices))
    return FoundSeries(
        title=_title(stack),
        paths=tuple(os.path.abspath(name) for name in names),
        read=partial(load_stack, stack),
        first_slice=partial(first_slice, stack),
    )


def _title(stack: Stack) -> str:
    """Patient, series and part; whatever of them the header gives."""
    header: Any = {}
    with contextlib.suppress(UnreadableError):
        header = read_dataset(stack.slices[0].path)
    number = str(header.get("SeriesNumber", "") or "")
    described = str(header.get("SeriesDescription", "") or "")
    series = described or f"{stack.layout.modality} {number}".strip()
    words = [str(header.get("PatientID", "") or ""), series, stack.part]
    return " · ".join(word.strip() for word in words if word.strip())
