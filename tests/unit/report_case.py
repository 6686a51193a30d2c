"""A project whose agreement is known by hand: twelve cases, three people, a model."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from annotator.analysis.runs import encode
from annotator.domain.reading import Diagnosis
from tests.unit.project_builder import add_case, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annotator.session.session import Session

LESION = 1
VOXEL_MM3 = 0.5
NAMES = ("Ann <b>", "Bob & Co", "Cy")
N_CASES = 12


@contextmanager
def report_session(directory: Path) -> Iterator[Session]:
    """Twelve cases: Ann and Bob draw the same lesion, Cy one column more; a model half of it.

    Cy starts from the model's.
    Cy calls every second case ill, the others call all ill. The first case is signed off.
    """
    with make_session(directory) as opened:
        store = opened.store
        people = [store.add_rater(name, actor="system") for name in NAMES]
        model = store.add_rater("Model", is_model=True, actor="system")
        for place in range(N_CASES):
            case = add_case(opened, place)
            high = 5 + place % 3
            base = block(((0, 2, 2), (2, 6, high)))
            wide = block(((0, 2, 2), (2, 6, high + 1)))
            half, start = block(((0, 2, 2), (1, 6, high))), ""
            for rater, mask in zip([model, *people], (half, base, base, wide), strict=True):
                answer = "no" if rater.name == "Cy" and place % 2 else "yes"
                found = store.add_annotation(
                    case.case_id,
                    rater.rater_id,
                    encode(mask),
                    Diagnosis(answers=(("dx", answer),)),
                    started_from_id=start if rater.name == "Cy" else None,
                    actor="system",
                )
                start = found.annotation_id if rater.is_model else start
            opened.fuse(case.case_id, "soft-vote")
        lonely = add_case(opened, 99)
        store.add_annotation(
            lonely.case_id, people[0].rater_id, encode(block(((0, 2, 2), (2, 6, 6)))), Diagnosis(),
            actor="system",
        )  # fmt: skip
        yield opened
