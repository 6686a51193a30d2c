"""Which prompt models a rater is offered on a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from annotator.api import ModelCard, Plugin
from annotator.domain.quality import WithoutModelRule
from tests.unit.project_builder import add_case, make_session

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from annotator.api import Progress, PromptedImage, PromptKind
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Series

pytestmark = pytest.mark.unit


class Trained:
    name = "a-trained-one"
    version = "1"
    kinds: frozenset[PromptKind] = frozenset({"click"})
    is_3d = True
    card = ModelCard(
        title="Trained",
        what_it_draws="everything",
        works_on="everything",
        limits="none",
        licence="CC0",
    )

    def refuses(self, series: Series, schema: LabelSchema) -> str | None:
        return None if schema.labels and series.kind == "volume" else "not this"

    def take_in(
        self,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
        progress: Progress,
    ) -> PromptedImage:
        raise NotImplementedError


def test_models_without_weights_come_first_and_trained_ones_can_be_withheld(
    tmp_path: Path,
) -> None:
    with make_session(tmp_path) as session:
        session.registry.register(Plugin(name="more", prompt_models=(Trained,)))
        case, rater = add_case(session, 1), session.add_rater("Ann")
        session.assign()
        room = session.rater_room(rater.rater_id)
        offered = room.prompt_models(case.case_id)
        assert [one.name for one in offered[:2]] == ["edges", "edges-slice"]
        assert not any(one.is_learned or one.refusal for one in offered[:2])
        (trained,) = (one for one in offered if one.name == Trained.name)
        assert (trained.refusal, trained.licence) == (None, "CC0")
        session.store.put_rule(WithoutModelRule(share=1.0), actor="system")
        withheld = room.prompt_models(case.case_id)
    assert [one.refusal for one in withheld[:2]] == [None, None]
    assert all("without trained models" in (one.refusal or "") for one in withheld[2:])
