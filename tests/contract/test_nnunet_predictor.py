"""Folders that nnU-Net's own trainer wrote, read as nnU-Net's own predictor reads them.

Slow, some seconds: importing nnU-Net's trainer brings most of the scientific libraries along.
"""

from __future__ import annotations

import json
import warnings
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs annotator[torch]")
pytest.importorskip("nnunetv2", reason="a peer of the development environment")

from annotator_networks.nnunet import NnUNetFormat  # noqa: E402
from tests.unit.small_networks import NNUNET_DATASET, nnunet_plans  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.contract


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of two folds that were not trained, but saved by nnU-Net's trainer."""
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

        plans, dataset = nnunet_plans(), NNUNET_DATASET
        name = str(plans["dataset_name"])
        images = tmp_path / "nnUNet_preprocessed" / name / "nnUNetPlans_3d_fullres"
        images.mkdir(parents=True)
        (images / "case.b2nd").touch()
        path: Path = tmp_path / "nnUNet_results" / name / "nnUNetTrainer__nnUNetPlans__3d_fullres"
        for fold in (0, 1):
            torch.manual_seed(fold)
            trainer = nnUNetTrainer(
                {**plans, "continue_training": False},
                "3d_fullres",
                fold,
                dataset,
                device=torch.device("cpu"),
            )
            trainer.initialize()
            trainer.save_checkpoint(str(path / f"fold_{fold}" / "checkpoint_final.pth"))
    (path / "plans.json").write_text(json.dumps(plans))
    (path / "dataset.json").write_text(json.dumps(dataset))
    return path


def predictor_of(path: Path) -> Any:  # noqa: ANN401 - nnU-Net's own
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        predictor = nnUNetPredictor(
            use_gaussian=False,
            use_mirroring=False,
            perform_everything_on_device=False,
            device=torch.device("cpu"),
            allow_tqdm=False,
        )
        predictor.initialize_from_trained_model_folder(
            str(path), use_folds=(0, 1), checkpoint_name="checkpoint_final.pth"
        )
    return predictor


def test_reads_a_window_as_the_predictor_of_nnunet_does(trained: Path) -> None:
    found = NnUNetFormat()
    assert found.recognises(trained)
    card = found.inspect(trained)
    assert card.spacing_mm == (1.0, 3.0, 0.5)
    assert card.patch == (12, 4, 8)
    assert (card.intensity.mean, card.intensity.deviation) == (90.0, 40.0)
    assert card.intensity.clip == (-50.0, 210.0)
    network = found.open(trained, card, "cpu", mixed=False)
    image = np.random.default_rng(4).normal(size=(1, 12, 4, 8)).astype(np.float32)
    given = network.infer(image[None])[0]

    n_threads = torch.get_num_threads()
    try:
        expected, halved = theirs(predictor_of(trained), image.transpose(0, 2, 1, 3))
    finally:
        torch.set_num_threads(n_threads)
    np.testing.assert_allclose(given, expected.transpose(0, 2, 1, 3), rtol=0, atol=1e-5)
    # The predictor keeps what it gives out in half precision.
    np.testing.assert_allclose(given, halved.transpose(0, 2, 1, 3), rtol=2e-3, atol=2e-3)


def theirs(
    predictor: Any,  # noqa: ANN401 - nnU-Net's own
    image: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mean of the folds on a window, and what the predictor makes of the image."""
    window = torch.from_numpy(np.ascontiguousarray(image))
    folds = []
    with torch.no_grad(), redirect_stdout(StringIO()):
        for weights in predictor.list_of_parameters:
            predictor.network.load_state_dict(weights)
            predictor.network.eval()
            folds.append(predictor._internal_maybe_mirror_and_predict(window[None])[0].numpy())
        whole = predictor.predict_logits_from_preprocessed_data(window).float().numpy()
    mean: NDArray[np.float32] = np.mean(folds, axis=0)
    return mean, whole
