"""Writes crowd_kit.json: what crowd-kit makes of some answers, run until nothing moves.

Run with crowd-kit 1.4.2 importable: ``python tests/data/make_crowd_kit.py``. crowd-kit needs nltk,
pandas, scikit-learn, tqdm and transformers besides; the tests read the file and need none of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PATH = Path(__file__).with_name("crowd_kit.json")


def plant_answers(
    skill: list[float], n_items: int, n_classes: int, missing: float, seed: int
) -> NDArray[np.int64]:
    """Return answers ``(item, rater)`` of raters who are right as often as ``skill`` says."""
    random = np.random.default_rng(seed)
    truth = random.integers(n_classes, size=(n_items, 1))
    wrong = (truth + random.integers(1, n_classes, (n_items, len(skill)))) % n_classes
    answers = np.where(random.random(wrong.shape) < skill, truth, wrong)
    answers[random.random(wrong.shape) < missing] = -1
    answers[(answers < 0).all(axis=1), 0] = 0
    return np.asarray(answers, np.int64)


def run_crowd_kit(
    answers: NDArray[np.int64], n_classes: int, n_rounds: int = 3000
) -> dict[str, Any]:
    """Return what crowd-kit estimates, in the order of items, raters and classes."""
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    from crowdkit.aggregation.classification import (  # type: ignore[import-not-found,unused-ignore]
        GLAD,
        MACE,
        DawidSkene,
    )

    item, rater = np.nonzero(answers >= 0)
    table = pd.DataFrame({"task": item, "worker": rater, "label": answers[item, rater]})
    items, raters = range(len(answers)), range(answers.shape[1])
    classes = list(range(n_classes))
    ds = DawidSkene(n_iter=n_rounds, tol=-1.0).fit(table)
    glad = GLAD(n_iter=n_rounds // 20, tol=-1e9, m_step_tol=1e-9, m_step_max_iter=200).fit(table)
    # MACE of crowd-kit mixes two orders of raters and classes, by first occurrence and by value,
    # unless they are the same.
    workers, rater_order = pd.factorize(table["worker"])
    labels, class_order = pd.factorize(table["label"])
    renamed = table.assign(worker=workers, label=labels)
    mace = MACE(method="em", n_iter=n_rounds // 6, n_restarts=2, random_state=1).fit(renamed)
    raters_back, classes_back = np.argsort(rater_order), np.argsort(class_order)
    errors = ds.errors_.reindex(
        pd.MultiIndex.from_product([raters, classes], names=["worker", "label"]), fill_value=0.0
    )
    found = {
        "dawid_skene": ds.probas_.loc[items, classes],
        "confusion": errors[classes].to_numpy().reshape(len(raters), n_classes, n_classes),
        "glad": glad.probas_.loc[items, classes],
        "ability": glad.alphas_.loc[list(raters)],
        "log_b": glad.betas_.loc[list(items)],
        "mace": mace.probas_.loc[list(items), classes].to_numpy()[:, classes_back],
        "knows": np.asarray(mace.spamming_)[raters_back, 1],
        "guesses": np.asarray(mace.thetas_)[np.ix_(raters_back, classes_back)],
    }
    return {name: np.round(np.asarray(value), 6).tolist() for name, value in found.items()}


def main() -> None:
    """Write the file."""
    worlds = [
        plant_answers([0.95, 0.85, 0.75, 0.6, 0.4], 40, 3, 0.2, 1),
        plant_answers([0.95, 0.9, 0.8, 0.5], 40, 2, 0.0, 2),
    ]
    content = [
        {"n_classes": n, "answers": world.tolist(), "expected": run_crowd_kit(world, n)}
        for world, n in zip(worlds, (3, 2), strict=True)
    ]
    PATH.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
