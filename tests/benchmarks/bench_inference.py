"""Reading with a network, window by window, against MONAI's ``sliding_window_inference``.

First the stitching alone: 14 classes, overlap 0.5, 300 x 512 x 512; a predictor gives the same for
every window, and the time that it takes is left out on both sides. Then a whole case on the
processor, a bundled chest CT resampled to 2.5 mm, by one TorchScript file of a U-Net: ours from the
project, labels kept in it, probabilities and uncertainty too; MONAI's from an array to labels in
memory, as a script would do it.

Every run is a process of its own, in the environment that a job's worker, or a script, has. It
tells its time, the processor's time, and its peak of memory above what it held before. Both sides
take turns; the median of the rounds is told, and the ratio of each round.

``pip install monai -c constraints.txt`` first. Needs Linux.

``python tests/benchmarks/bench_inference.py [--rounds 3] [--side 96] [--only stitch|case]``
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.reading_sets import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

N_CLASSES = 14
SHAPE = (300, 512, 512)
CASE_SIDE = 32
SPACING_MM = 2.5
OVERLAP = 0.5


class Measured:
    """Time, and the peak of memory above what was held at the start."""

    def __init__(self) -> None:
        self.spared_s = self.spared_cpu_s = 0.0
        self._held = _status("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
        self._cpu_s = time.process_time()
        self._begin_s = time.perf_counter()

    def spare(self, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the work gives
        """Return what is given by work that is to be left out of the time."""
        cpu_s, begin_s = time.process_time(), time.perf_counter()
        found = work()
        self.spared_cpu_s += time.process_time() - cpu_s
        self.spared_s += time.perf_counter() - begin_s
        return found

    def tell(self) -> None:
        """Print what was measured since."""
        found = {
            "s": time.perf_counter() - self._begin_s - self.spared_s,
            "cpu_s": time.process_time() - self._cpu_s - self.spared_cpu_s,
            "mib": (_status("VmHWM") - self._held) / 1024,
        }
        sys.stdout.write(json.dumps(found) + "\n")


def stitch_theirs(side: int) -> NDArray[np.uint8]:
    """Return the most likely class of each voxel, by MONAI."""
    import torch
    from monai.inferers.utils import sliding_window_inference

    torch.set_grad_enabled(False)
    image = torch.zeros((1, 1, *SHAPE))
    given = torch.from_numpy(_given(side))[None]
    measured = Measured()
    found: Any = sliding_window_inference(
        image,
        (side,) * 3,
        1,
        lambda _: measured.spare(given.clone),
        overlap=OVERLAP,
        mode="gaussian",
    )
    labels = found[0].argmax(0).to(torch.uint8)
    measured.tell()
    return np.asarray(labels.numpy())


def stitch_ours(side: int) -> NDArray[np.uint8]:
    """Return the most likely class of each voxel, by the stitcher."""
    from annotator.analysis.stitching import Stitcher, stitching_places
    from annotator.analysis.window_grid import window_grid

    image = np.zeros((1, *SHAPE), np.float32)
    given = _given(side)
    measured = Measured()
    labels = np.zeros(SHAPE, np.uint8)
    grid = window_grid(SHAPE, (side,) * 3, OVERLAP)
    stitcher = Stitcher(grid, N_CLASSES, lambda part: part.write_highest(labels), weighed=False)
    for place in stitching_places(grid):
        grid.cut(image, place)
        stitcher.add(measured.spare(given.copy))
    measured.tell()
    return labels


def case_theirs(folder: Path) -> NDArray[np.uint8]:
    """Return what the network says of the case, as a script of MONAI has it."""
    import torch
    from monai.inferers.utils import sliding_window_inference

    torch.set_grad_enabled(False)
    measured = Measured()
    network = torch.jit.load(str(folder / "network.ts")).eval()  # type: ignore[no-untyped-call]
    image = torch.from_numpy(np.load(folder / "image.npy").astype(np.float32))[None, None]
    image = (image + 1000) / 2000
    found: Any = sliding_window_inference(
        image, (CASE_SIDE,) * 3, 1, network, overlap=OVERLAP, mode="gaussian"
    )
    labels = found[0].argmax(0).to(torch.uint8)
    measured.tell()
    return np.asarray(labels.numpy())


def case_ours(folder: Path) -> NDArray[np.uint8]:
    """Return what is kept of the case in the project."""
    import torch  # both sides have loaded it before the clock starts

    from annotator.analysis.runs import decode
    from annotator.jobs.network_reading import NetworkReader, network_settings
    from annotator.registry import Registry
    from annotator.store import Store

    torch.set_grad_enabled(False)
    registry = Registry.load()
    with Store.open(folder / "project") as store:
        (case,) = store.cases()
        measured = Measured()
        settings = network_settings({"device": "cpu"})
        reader = NetworkReader(store, registry, ["U-Net"], settings, lambda *_: None)
        found = reader.read_case(case.case_id, lambda *_: None, actor="system")
        measured.tell()
        sys.stderr.write(f"{found.n_left_out} of {found.n_windows} windows were left out\n")
        (runs,) = store.annotation_masks([found.annotation.annotation_id])
    return np.asarray(decode(runs), np.uint8)


def make_network(folder: Path) -> None:
    """Write the network and its card."""
    import torch
    from monai.networks.nets.unet import UNet

    torch.manual_seed(0)
    network = UNet(3, 1, N_CLASSES, (16, 32, 64, 128), (2, 2, 2), num_res_units=1).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is said to be out of date
        traced = torch.jit.trace(  # type: ignore[no-untyped-call]
            network, torch.zeros(1, 1, *(CASE_SIDE,) * 3)
        )
        torch.jit.save(traced, str(folder / "network.ts"))
    card = {
        "title": "U-Net",
        "n_dims": 3,
        "n_channels": 1,
        "labels": [[channel, f"Class {channel}"] for channel in range(1, N_CLASSES)],
        "intensity": {"scaling": "range", "low": -1000.0, "high": 1000.0},
        "patch": [CASE_SIDE] * 3,
        "overlap": OVERLAP,
        "licence": "CC0",
    }
    (folder / "network.json").write_text(json.dumps(card))


def chest() -> NDArray[np.int16]:
    """Return the bundled chest CT at the spacing of the network."""
    from annotator.analysis.network_space import NetworkSpace
    from annotator.api import no_progress
    from annotator.bundled import resource
    from annotator_builtins.dicom_reader import DicomReader

    files = sorted(resource("sample/chest-ct-1").iterdir())
    (found,) = DicomReader().scan(files, no_progress).found
    content = found.read(no_progress)
    z, y, x = (
        round(size * mm / SPACING_MM)
        for size, mm in zip(
            content.series.geometry.shape, content.series.geometry.spacing_mm, strict=True
        )
    )
    space = NetworkSpace(
        shape=content.series.geometry.shape,
        axes=(0, 1, 2),
        flipped=(False, False, False),
        size=(z, y, x),
    )
    image_hu = space.to_network(content.voxels) * content.series.slope + content.series.intercept
    return np.asarray(np.round(image_hu), np.int16)


def make_case(folder: Path) -> None:
    """Write the network, the image, and a project that holds both."""
    from annotator.api import series_id
    from annotator.domain.geometry import Geometry
    from annotator.domain.schema import Label, LabelSchema
    from annotator.domain.study import Series
    from annotator.jobs.supplying import see, supply
    from annotator.registry import Registry
    from annotator.store import Store

    make_network(folder)
    voxels = chest()
    np.save(folder / "image.npy", voxels)
    geometry = Geometry(shape=voxels.shape, spacing_mm=(SPACING_MM,) * 3)
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="volume",
        modality="CT",
        description="chest",
        geometry=geometry,
        dtype="int16",
    )
    schema = LabelSchema(
        name="classes",
        title="Classes",
        labels=tuple(
            Label(value=value, name=f"Class {value}", color="#808080")
            for value in range(1, N_CLASSES)
        ),
    )
    with Store.create(folder / "project", title="Bench", schema=schema, seed=1) as store:
        store.add_series(series, voxels, actor="system")
        store.add_case("Chest", [series.series_id], actor="system")
        supply(
            store,
            see(Registry.load(), folder / "network.ts"),
            licence_accepted_by="bench",
            actor="system",
        )
    say(f"Case: {voxels.shape} voxels of {SPACING_MM} mm, windows of {CASE_SIDE} voxels a side")


def run(step: str, argument: str, folder: Path) -> dict[str, float]:
    """Do one step in a process of its own and return what it measured."""
    own = {"OMP_WAIT_POLICY": "PASSIVE"} if step == "case-ours" else {}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, "--step", step, argument, str(folder)],
        check=True,
        stdout=subprocess.PIPE,
        env=os.environ | own,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def do_step(step: str, argument: str, folder: Path) -> None:
    """Do what `run` asked for."""
    steps: dict[str, Callable[[], NDArray[np.uint8]]] = {
        "stitch-theirs": lambda: stitch_theirs(int(argument)),
        "stitch-ours": lambda: stitch_ours(int(argument)),
        "case-theirs": lambda: case_theirs(Path(argument)),
        "case-ours": lambda: case_ours(Path(argument)),
    }
    np.save(folder / f"{step}.npy", steps[step]())


def compare(title: str, peer: str, own: str, argument: str, folder: Path, rounds: int) -> None:
    """Print the medians of both sides, and the ratio of each round."""
    found: dict[str, list[dict[str, float]]] = {peer: [], own: []}
    for _ in range(rounds):
        for step in (peer, own):
            found[step].append(run(step, argument, folder))
    say(title)
    for step in (peer, own):
        told = {key: statistics.median(one[key] for one in found[step]) for key in found[step][0]}
        say(f"  {step:14}{told['s']:9.2f} s {told['cpu_s']:9.2f} s CPU {told['mib']:7.0f} MiB")
    for key in ("s", "cpu_s", "mib"):
        ratios = [a[key] / b[key] for a, b in zip(found[peer], found[own], strict=True)]
        say(f"  {key} peer / ours: " + ", ".join(f"{ratio:.2f}" for ratio in ratios))
    both = [np.load(folder / f"{step}.npy") for step in (peer, own)]
    say(f"  same label: {(both[0] == both[1]).mean():.7f}")


def main() -> None:
    """Measure, or do one step of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--only", choices=["stitch", "case"])
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step is not None:
        do_step(given.step[0], given.step[1], Path(given.step[2]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.only != "case":
            title = f"Stitching alone: {N_CLASSES} classes, {SHAPE}, windows of {given.side}"
            side = str(given.side)
            compare(title, "stitch-theirs", "stitch-ours", side, folder, given.rounds)
        if given.only != "stitch":
            make_case(folder)
            compare("Whole case", "case-theirs", "case-ours", name, folder, given.rounds)


def _given(side: int) -> NDArray[np.float32]:
    """Return what the predictor gives for every window, ``(class, z, y, x)``."""
    return np.random.default_rng(1).normal(size=(N_CLASSES, *(side,) * 3)).astype(np.float32)


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1])
    raise OSError(f"no {key}")


if __name__ == "__main__":
    main()
