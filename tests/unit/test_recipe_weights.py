from __future__ import annotations

import numpy as np
import pytest

from annotator.domain.errors import AnnotatorError

pytest.importorskip("safetensors", reason="what a recipe learned is kept as safetensors")

from annotator_recipes.weights import from_bytes, to_bytes

pytestmark = pytest.mark.unit


def test_round_trip_and_same_bytes() -> None:
    facts = {"labels": [0, 1], "raters": ["a", "b"], "temperature": 0.5}
    arrays = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array([True, False])}
    content = to_bytes(facts, arrays)
    assert content == to_bytes(dict(reversed(facts.items())), dict(reversed(arrays.items())))
    known, found = from_bytes(content)
    assert known == facts
    assert sorted(found) == ["a", "b"]
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


@pytest.mark.parametrize("content", [b"", b"not weights", to_bytes({}, {})[:-3]])
def test_other_bytes_are_refused_in_words(content: bytes) -> None:
    with pytest.raises(AnnotatorError, match="not what a recipe learned"):
        from_bytes(content)
