from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import BaseModel, Field

from annotator.analysis.runs import decode
from annotator.api import FusionMethod, ModelCard, Plugin, no_progress
from annotator.domain.errors import (
    AnnotatorError,
    GeometryMismatchError,
    IntegrityError,
    UnknownNameError,
)
from annotator.domain.reading import Diagnosis
from annotator.jobs.predicting import predict_case
from annotator.session.adding import resample_nearest, whole_labels
from annotator.session.schema_io import (
    bundled_schemas,
    default_schema,
    find_schema,
    read_schema,
    schema_from_json,
    schema_to_json,
)
from annotator.session.session import Session
from tests.unit.project_builder import SCHEMA, SHAPE, add_case, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator.domain.geometry import Geometry
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Series

pytestmark = pytest.mark.unit

BOX = ((0, 1, 1), (3, 6, 6))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        for name in ("Ada", "Ben", "Cleo"):
            opened.add_rater(name)
        add_case(opened, 1)
        yield opened


def _geometry(session: Session) -> Geometry:
    return session.store.series(session.cases()[0].series_ids[0]).geometry


def _case_id(session: Session) -> str:
    return session.cases()[0].case_id


def _read(session: Session, *sizes: int) -> str:
    case_id = _case_id(session)
    for name, size in zip(("Ada", "Ben", "Cleo"), sizes, strict=False):
        mask = block(((0, 1, 1), (3, 1 + size, 6)))
        answer = "yes" if size > 4 else "no"
        diagnosis = Diagnosis(answers=(("dx", answer),))
        session.add_reading(case_id, name, mask, _geometry(session), diagnosis)
    return case_id


# readings from elsewhere ------------------------------------------------------------------------


def test_a_mask_from_elsewhere_becomes_a_reading_once(session: Session) -> None:
    mask = block(BOX).astype(np.float32)
    first = session.add_reading("Case 1", "ada", mask, _geometry(session))
    again = session.add_reading("Case 1", "Ada", mask, _geometry(session))
    assert again == first
    stored = decode(session.store.annotation_mask(first.annotation_id))
    np.testing.assert_array_equal(stored, block(BOX))
    other = session.add_reading("Case 1", "Ada", mask, _geometry(session), Diagnosis(comment="x"))
    assert (other.revision, other.parent_id) == (first.revision + 1, first.annotation_id)


def test_another_grid_is_refused_with_the_reason(session: Session) -> None:
    shifted = replace(_geometry(session), origin_mm=(5.0, 0.0, 0.0))
    with pytest.raises(GeometryMismatchError, match=r"does not lie on the grid .*origin is \(5"):
        session.add_reading("Case 1", "Ada", block(BOX), shifted)
    with pytest.raises(GeometryMismatchError, match=r"the mask has shape \(4, 12, 10\)"):
        session.add_reading("Case 1", "Ada", block(BOX), replace(shifted, shape=(1, 2, 3)))


def test_another_grid_is_resampled_when_asked(session: Session) -> None:
    geometry = _geometry(session)
    mask = block(BOX)
    fine = replace(
        geometry,
        shape=(SHAPE[0], 2 * SHAPE[1], 2 * SHAPE[2]),
        spacing_mm=(2.0, 0.25, 0.25),
        origin_mm=(-0.125, -0.125, 0.0),
    )
    doubled = mask.repeat(2, axis=1).repeat(2, axis=2)
    added = session.add_reading("Case 1", "Ada", doubled, fine, resample=True)
    stored = decode(session.store.annotation_mask(added.annotation_id))
    np.testing.assert_array_equal(stored, mask)


def test_resampling_knows_orientation(session: Session) -> None:
    geometry = _geometry(session)
    mask = np.random.default_rng(0).integers(0, 3, SHAPE).astype(np.uint8)
    # The same voxels, stored with x and z running the other way.
    last = geometry.to_lps_mm((SHAPE[0] - 1, 0, SHAPE[2] - 1))
    flipped = replace(
        geometry, origin_mm=last, direction=(-1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
    )
    back = resample_nearest(mask[::-1, :, ::-1], flipped, geometry)
    np.testing.assert_array_equal(back, mask)
    turned = replace(
        geometry,
        shape=(SHAPE[0], SHAPE[2], SHAPE[1]),
        direction=(0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0),
    )
    np.testing.assert_array_equal(resample_nearest(mask.transpose(0, 2, 1), turned, geometry), mask)
    away = replace(geometry, origin_mm=(1000.0, 0.0, 0.0))
    assert not resample_nearest(mask, away, geometry).any()


def test_values_that_the_schema_lacks_are_named_or_added(session: Session) -> None:
    with pytest.raises(AnnotatorError, match=r"values 7, which the schema 'test' lacks; it has 1"):
        session.add_reading("Case 1", "Ada", block(BOX, value=7), _geometry(session))
    session.add_reading("Case 1", "Ada", block(BOX, value=7), _geometry(session), extend=True)
    assert session.project().schema.values == (1, 2, 7)
    assert session.store.verify() == ()


def test_readings_that_are_added_at_once_all_extend_the_schema(session: Session) -> None:
    names = [session.add_rater(f"Reader {number}").name for number in range(6)]

    def add(number: int) -> None:
        mask = block(BOX, value=10 + number)
        session.add_reading("Case 1", names[number], mask, _geometry(session), extend=True)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(add, range(6)))
    assert session.project().schema.values == (1, 2, *range(10, 16))
    assert session.store.verify() == ()


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.full((1, 2, 2), 0.5), "whole numbers; this one has 4 other values, for example 0.5"),
        (np.full((1, 2, 2), np.nan), "for example nan"),
        (np.full((1, 2, 2), -1, np.int16), "from 0 to 65535; the mask has -1"),
        (np.full((1, 2, 2), 70000, np.int32), "the mask has 70000"),
        (np.zeros((2, 2), np.uint8), r"axes \(z, y, x\)"),
        (np.zeros((1, 2, 2), np.complex64), "this one holds complex64"),
    ],
)
def test_what_is_no_mask_is_refused_in_words(mask: NDArray[np.generic], words: str) -> None:
    with pytest.raises(AnnotatorError, match=words):
        whole_labels(mask)


def test_a_wrong_answer_is_refused_before_anything_is_kept(session: Session) -> None:
    wrong = Diagnosis(answers=(("dx", "perhaps"),))
    with pytest.raises(AnnotatorError, match="choose one of: yes, no"):
        session.add_reading(
            "Case 1", "Ada", block(BOX, value=9), _geometry(session), wrong, extend=True
        )
    assert session.project().schema == SCHEMA
    with pytest.raises(UnknownNameError, match="did you mean 'Ada'"):
        session.add_reading("Case 1", "Adah", block(BOX), _geometry(session))


# fusing, finding, comparing ---------------------------------------------------------------------


@pytest.mark.parametrize("method", ["majority", "soft-vote", "staple"])
def test_a_recipe_gives_the_same_bytes_again(session: Session, method: str) -> None:
    case_id = _read(session, 5, 5, 3)
    fusion = session.fuse(case_id, method)
    assert session.fuse(case_id, method) == fusion
    assert session.rerun(fusion.fusion_id) == fusion
    # A label that the schema gains later changes nothing.
    session.add_reading(case_id, "Ada", block(BOX, value=9), _geometry(session), extend=True)
    assert session.rerun(fusion.fusion_id) == fusion
    assert session.fuse(case_id, method).fusion_id != fusion.fusion_id
    assert session.store.verify() == ()


def test_each_voxel_has_the_row_of_its_probabilities(session: Session) -> None:
    fusion = session.fuse(_read(session, 5, 5, 3), "majority")
    patterns, table = session.store.fusion_probability(fusion.fusion_id)
    rows = decode(patterns, np.dtype(np.uint16))
    labels = decode(session.store.fusion_labels(fusion.fusion_id), np.dtype(np.uint16))
    assert rows.max() == len(table) - 1
    assert table[0].tolist() == [1.0, 0.0]
    np.testing.assert_array_equal(table[rows].argmax(axis=-1), labels)


def test_a_method_that_is_not_pure_is_found_out(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    fusion = session.fuse(_read(session, 5, 5, 3), "majority")
    method = session.registry.fusion_method("majority")
    assert isinstance(method, FusionMethod)
    fuse = method.fuse

    def wrong(votes: object, parameters: object) -> object:
        fused = fuse(votes, parameters)  # type: ignore[arg-type]
        return replace(fused, chosen=np.zeros_like(fused.chosen))

    monkeypatch.setattr(type(method), "fuse", lambda _, votes, given: wrong(votes, given))
    with pytest.raises(IntegrityError):
        session.rerun(fusion.fusion_id)


def test_another_version_of_a_method_is_told(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    fusion = session.fuse(_read(session, 5, 5, 3), "majority")
    monkeypatch.setattr(type(session.registry.fusion_method("majority")), "version", "99")
    with pytest.raises(AnnotatorError, match="99 is installed"):
        session.rerun(fusion.fusion_id)


def test_wrong_methods_and_parameters_are_told(session: Session) -> None:
    case_id = _read(session, 5, 5, 3)
    with pytest.raises(UnknownNameError, match="did you mean 'staple'"):
        session.fuse(case_id, "stapel")
    with pytest.raises(AnnotatorError, match="staple has no parameter 'no_such'; it takes: "):
        session.fuse(case_id, "staple", {"no_such": 1})


def test_findings_are_kept_under_their_readings(session: Session) -> None:
    case_id = _read(session, 5, 5, 3)
    score, findings = session.find(case_id)
    assert session.find(case_id) == (score, findings)
    kept = session.store.findings(case_id)
    assert kept is not None
    assert kept[1] == findings
    assert session.store.case_scores() == (score,)
    assert score.diagnosis_disputed
    assert len([row for row in session.store.audit() if "finding" in row.action]) == 1


def test_agreement_is_measured_by_pair_and_label(session: Session) -> None:
    case_id = _read(session, 5, 5, 3)
    agreement = session.compare(case_id)
    names = {rater.rater_id: rater.name for rater in session.people()}
    dice = {
        frozenset((names[pair.rater_a], names[pair.rater_b])): pair.dice for pair in agreement.pairs
    }
    assert dice[frozenset(("Ada", "Ben"))] == 1.0
    assert dice[frozenset(("Ada", "Cleo"))] == pytest.approx(6 / 8)
    assert agreement.mean_dice == pytest.approx((1 + 0.75 + 0.75) / 3)
    distance = {
        frozenset((names[pair.rater_a], names[pair.rater_b])): pair.hd95_mm
        for pair in agreement.pairs
    }
    assert distance[frozenset(("Ada", "Ben"))] == 0.0
    assert session.compare_all() == (agreement,)
    (question,) = session.compare_diagnoses()
    assert (question.key, question.n_cases, question.n_answers) == ("dx", 1, 3)
    assert question.kappa == pytest.approx(-0.5)


def test_one_reading_cannot_be_compared(session: Session) -> None:
    case_id = _read(session, 5)
    for call in (session.compare, session.find):
        with pytest.raises(AnnotatorError, match="'Case 1' has one reading"):
            call(case_id)
    assert session.compare_all() == ()


# models -----------------------------------------------------------------------------------------


class _Settings(BaseModel):
    threshold: int = Field(default=500, ge=0)


class Threshold:
    name = "threshold"
    version = "1"
    card = ModelCard(
        title="Threshold", what_it_draws="all", works_on="CT", limits="many", licence="none"
    )
    parameters: type[BaseModel] = _Settings
    value = 1

    def refuses(self, series: Series, schema: LabelSchema) -> str | None:
        return None if series.modality == "CT" else "it is not CT"

    def predict(
        self,
        voxels: NDArray[Any],
        series: Series,
        schema: LabelSchema,
        parameters: BaseModel,
        progress: Progress,
    ) -> NDArray[np.unsignedinteger]:
        assert isinstance(parameters, _Settings)
        return ((voxels > parameters.threshold) * self.value).astype(np.uint8)


def _predict(session: Session, **parameters: object) -> str:
    annotation = predict_case(
        session.store,
        session.registry,
        "threshold",
        _case_id(session),
        parameters,
        no_progress,
        actor="system",
    )
    return annotation.annotation_id


def test_a_prediction_is_a_models_reading(session: Session) -> None:
    session.registry.register(Plugin(name="t", models=(Threshold,)))
    annotation_id = _predict(session)
    assert _predict(session) == annotation_id
    model = session.store.rater("Threshold 1")
    assert model.is_model
    assert model not in session.people()
    assert _predict(session, threshold=100) != annotation_id
    assert session.assign() == 3
    with pytest.raises(AnnotatorError, match=r"threshold cannot work with .*threshold: "):
        _predict(session, threshold=-1)


def test_a_model_that_draws_what_is_not_in_the_schema_is_refused(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.registry.register(Plugin(name="t", models=(Threshold,)))
    monkeypatch.setattr(Threshold, "value", 9)
    with pytest.raises(
        AnnotatorError, match=r"gave the label values \[9\]; the schema has \[1, 2\]"
    ):
        _predict(session)
    assert [rater for rater in session.store.raters() if rater.is_model] == []


def test_predicting_goes_through_another_process_and_says_why_not(session: Session) -> None:
    with pytest.raises(UnknownNameError, match="no model 'nothing'"):
        session.predict("nothing")
    with pytest.raises(AnnotatorError, match="does not fit 'Case 1'"):
        session.predict("body", [_case_id(session)])
    add_case(session, 2)
    result = session.predict("body")
    assert result["annotations"] == []
    assert {entry["case"] for entry in result["skipped"]} == {
        case.case_id for case in session.cases()
    }


# projects ---------------------------------------------------------------------------------------


def test_a_project_is_made_and_opened_again(tmp_path: Path) -> None:
    with Session.create(tmp_path / "p", schema=default_schema(), title="Mine") as session:
        session.add_rater("Ada")
    with Session.open(tmp_path / "p", read_only=True) as session:
        assert session.project().title == "Mine"
        assert [rater.name for rater in session.people()] == ["Ada"]
        with pytest.raises(AnnotatorError, match="reading only"):
            session.jobs.submit("import", {"paths": []})
    with pytest.raises(AnnotatorError):
        Session.create(tmp_path / "p", schema=default_schema(), title="Again")


# label schemas ----------------------------------------------------------------------------------


def test_schemas_go_to_json_and_back() -> None:
    assert default_schema().values == (1,)
    for schema in (SCHEMA, *(find_schema(name) for name in bundled_schemas())):
        assert schema_from_json(schema_to_json(schema)) == schema


def test_an_unknown_schema_name_is_told() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'fundus'"):
        find_schema("fundos")


def test_a_schema_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(schema_to_json(SCHEMA))
    assert find_schema(path) == SCHEMA
    with pytest.raises(AnnotatorError, match=r"cannot read the label schema .*No such file"):
        find_schema(tmp_path / "none.json")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AnnotatorError, match="it is not text"):
        read_schema(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": []}, "labels: List should have at least 1 item"),
        ({"labels": [{"value": 0, "name": "x", "color": "#000000"}]}, "labels.0.value"),
        ({"labels": [{"value": 1, "name": "x", "color": "red"}]}, "labels.0.color"),
        (
            {"labels": [{"value": 1, "name": name, "color": "#000000"} for name in "ab"]},
            "the label value '1' occurs twice",
        ),
        ({"fields": [{"key": "a", "title": "A"}]}, "a choice needs 'choices'"),
        ({"fields": [{"key": "a b", "title": "A", "kind": "text"}]}, "fields.0.key"),
        ({"colour": "x"}, "colour: Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_with_a_schema_is_named(change: dict[str, object], words: str) -> None:
    content = json.loads(schema_to_json(SCHEMA)) | change
    with pytest.raises(AnnotatorError, match=words):
        schema_from_json(json.dumps(content))


def test_text_that_is_no_json_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text("{")
    with pytest.raises(
        AnnotatorError, match=r"mine.json is not a label schema: the whole: Invalid"
    ):
        read_schema(path)
