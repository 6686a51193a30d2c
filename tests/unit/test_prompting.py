"""A prompt model in a process of its own: it answers, refuses in words, may die, leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import shared_memory
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.api import Prompt, no_progress
from annotator.domain.errors import AnnotatorError
from annotator.domain.geometry import Geometry
from annotator.jobs import shared_arrays
from annotator.jobs.prompting import PromptDesk
from annotator_builtins.region_prompt import RegionPrompt
from tests.contract.prompt_contract import dice, spread
from tests.phantoms import blob, ct_series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annotator.domain.study import Series

pytestmark = pytest.mark.unit

SHAPE = (12, 48, 48)
SPACING_MM = (2.0, 1.0, 1.0)
CLICK = Prompt(kind="click", is_positive=True, voxels=((6, 22, 25),))
AWAY = Prompt(kind="click", is_positive=False, voxels=((6, 3, 3),))
SEGMENTS = Path("/dev/shm")


def segments() -> set[str]:
    """Return the names of shared memory on this machine; none where they are not files."""
    if not SEGMENTS.is_dir():
        return set()
    return {path.name for path in SEGMENTS.iterdir() if path.name.startswith("psm_")}


def image() -> tuple[NDArray[np.int16], Series, NDArray[np.bool_]]:
    values, truth = blob(SHAPE, (6, 22, 25), 9.0, spacing_mm=SPACING_MM)
    series = ct_series(Geometry(shape=SHAPE, spacing_mm=SPACING_MM), slope=0.5, intercept=-10.0)
    return values.astype(np.int16), series, truth


@pytest.fixture(scope="module")
def shared_desk() -> Iterator[PromptDesk]:
    with PromptDesk("edges") as desk:
        voxels, series, _ = image()
        desk.take_in(voxels, series)
        yield desk


@pytest.fixture
def desk(shared_desk: PromptDesk) -> PromptDesk:
    """Return a desk that holds the image; the process is one for all tests."""
    voxels, series, _ = image()
    shared_desk.take_in(voxels, series)
    return shared_desk


def test_it_answers_what_the_model_answers_here(desk: PromptDesk) -> None:
    voxels, series, truth = image()
    values = voxels.astype(np.float32) * np.float32(0.5) - np.float32(10)
    here = RegionPrompt(is_3d=True).take_in(values, series.geometry.spacing_mm, no_progress)
    for prompts in ((CLICK,), (CLICK, AWAY)):
        found, expected = desk.answer(prompts), here.answer(prompts)
        assert found is not None
        assert found.box == expected.box
        np.testing.assert_array_equal(found.mask, expected.mask)
    assert dice(spread(expected, SHAPE), truth) > 0.85


def test_it_goes_on_after_a_refusal(desk: PromptDesk) -> None:
    with pytest.raises(AnnotatorError, match="first"):
        desk.answer((AWAY,))
    assert desk.answer((CLICK,)) is not None


def test_another_image_is_taken_in(desk: PromptDesk) -> None:
    voxels, series, _ = image()
    desk.take_in(voxels[:, ::-1].copy(), series)
    found = desk.answer((Prompt(kind="click", is_positive=True, voxels=((6, 25, 25),)),))
    assert found is not None
    assert spread(found, SHAPE)[6, 25, 25]


def test_no_name_is_left_while_it_works(desk: PromptDesk) -> None:
    before = segments()
    voxels, series, _ = image()
    desk.take_in(voxels, series)
    desk.answer((CLICK,))
    assert segments() <= before


def test_a_killed_process_is_told_and_another_starts(desk: PromptDesk) -> None:
    before = segments()
    expected = desk.answer((CLICK,))
    assert desk._process is not None
    os.kill(desk._process.pid, signal.SIGKILL)
    desk._process.wait()
    found = desk.answer((CLICK,))  # it was seen to have ended before it was asked
    assert found is not None
    assert expected is not None
    np.testing.assert_array_equal(found.mask, expected.mask)
    desk._process.send_signal(signal.SIGSTOP)
    process = desk._process
    threading.Timer(0.3, process.kill).start()
    with pytest.raises(AnnotatorError, match=r"ended with code -9.*starts it again"):
        desk.answer((CLICK,))
    assert desk.answer((CLICK,)) is not None
    assert segments() <= before


def test_late_answers_are_dropped(desk: PromptDesk) -> None:
    assert desk._process is not None
    desk._process.send_signal(signal.SIGSTOP)
    answers: list[object] = []
    asked = [
        threading.Thread(target=lambda: answers.append(desk.answer((CLICK,)))) for _ in range(2)
    ]
    for thread in asked:
        thread.start()
        time.sleep(0.05)
    desk.cancel()
    desk._process.send_signal(signal.SIGCONT)
    for thread in asked:
        thread.join(timeout=10)
    assert answers == [None, None]
    assert desk.answer((CLICK,)) is not None


def test_closing_does_not_wait_for_an_answer() -> None:
    desk = PromptDesk("edges")
    voxels, series, _ = image()
    desk.take_in(voxels, series)
    assert desk._process is not None
    process = desk._process
    process.send_signal(signal.SIGSTOP)
    told: list[str] = []

    def ask() -> None:
        try:
            desk.answer((CLICK,))
        except AnnotatorError as error:
            told.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.1)
    desk.close()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert process.returncode is not None
    with pytest.raises(AnnotatorError, match=r"no image|closed"):
        desk.answer((CLICK,))


def test_an_unknown_model_is_told() -> None:
    voxels, series, _ = image()
    with PromptDesk("edgse") as desk, pytest.raises(AnnotatorError, match="did you mean 'edges'"):
        desk.take_in(voxels, series)


def test_too_little_memory_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shared_arrays, "_MOUNT", tmp_path)
    with pytest.raises(AnnotatorError, match="MiB are free"):
        shared_arrays.make_shared(1 << 60)


def test_names_that_are_gone_already_are_no_error() -> None:
    memory = shared_arrays.make_shared(10)
    other = shared_arrays.attach_shared(memory.name)
    shared_arrays.put_bytes(other, 3, b"ab")
    assert shared_arrays.get_bytes(memory, 2, 3) == b"\0ab"
    shared_arrays.forget_name(memory)
    shared_arrays.forget_name(memory)
    other.close()
    memory.close()
    with pytest.raises(FileNotFoundError):
        shared_memory.SharedMemory(name=memory.name)


_KILLED = """
import os, signal, sys
import numpy as np
from annotator.jobs.shared_arrays import make_shared
from annotator.jobs.prompting import PromptDesk
from tests.unit.test_prompting import CLICK, image
desk = PromptDesk("edges")
voxels, series, _ = image()
desk.take_in(voxels, series)
assert desk.answer((CLICK,)) is not None
memory = make_shared(1000)  # as if it died while it hands an image over
print(memory.name, desk._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not SEGMENTS.is_dir(), reason="shared memory is not a file here")
def test_a_killed_window_leaves_no_memory_and_no_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _KILLED],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    name, pid = done.stdout.split()
    assert done.returncode == -signal.SIGKILL
    until = time.monotonic() + 20
    while time.monotonic() < until and (
        (SEGMENTS / name).exists() or Path(f"/proc/{pid}").exists()
    ):
        time.sleep(0.05)
    assert not (SEGMENTS / name).exists()
    assert not Path(f"/proc/{pid}").exists(), "it ends with its input"
