"""Label schemas as JSON files: ours in resources/schemas, and those that people bring."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from annotator.bundled import resource
from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.domain.label_groups import with_overlaps
from annotator.domain.schema import (
    Code,
    DiagnosisField,
    FieldKind,
    Label,
    LabelSchema,
    Landmark,
    Overlap,
)

DEFAULT_SCHEMA = "one-label"
Text = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Code(_Strict):
    scheme: Text
    value: Text
    meaning: Text


class _Label(_Strict):
    value: int = Field(ge=1, le=65535)
    name: Text
    color: str = Field(pattern=r"^#[0-9a-fA-F]{6}$")
    required: bool = False
    group: str = ""
    category: _Code | None = None
    code: _Code | None = None


class _Overlap(_Strict):
    value: int = Field(ge=1, le=65535)
    labels: list[int]


class _Landmark(_Strict):
    key: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    title: Text
    required: bool = False


class _Field(_Strict):
    key: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    title: Text
    kind: FieldKind = "choice"
    choices: list[tuple[Text, Text]] = []
    minimum: float | None = None
    maximum: float | None = None
    required: bool = True

    @model_validator(mode="after")
    def _answerable(self) -> _Field:
        if (self.kind == "choice") != bool(self.choices):
            raise ValueError("a choice needs 'choices', and nothing else may have them")
        _unique("choice", [key for key, _ in self.choices])
        return self


class _Schema(_Strict):
    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    title: Text
    labels: list[_Label] = Field(min_length=1)
    fields: list[_Field] = []
    windows: list[Text] = []
    overlaps: list[_Overlap] = []
    landmarks: list[_Landmark] = []

    @model_validator(mode="after")
    def _distinct(self) -> _Schema:
        _unique("label value", [str(label.value) for label in self.labels])
        _unique("label name", [label.name for label in self.labels])
        _unique("field key", [field.key for field in self.fields])
        _unique("landmark key", [landmark.key for landmark in self.landmarks])
        _unique("landmark title", [landmark.title for landmark in self.landmarks])
        return self


def default_schema() -> LabelSchema:
    """Return the schema of a project that names none: one label, value 1."""
    return find_schema(DEFAULT_SCHEMA)


def bundled_schemas() -> tuple[str, ...]:
    """Return the names of the schemas that come with the program."""
    return tuple(sorted(path.stem for path in resource("schemas").glob("*.json")))


def find_schema(name_or_path: str | Path) -> LabelSchema:
    """Return a bundled schema by name, or the one in a JSON file."""
    given = str(name_or_path)
    path = Path(given)
    if path.suffix.lower() == ".json" or path.is_file() or len(path.parts) > 1:
        return read_schema(path)
    names = bundled_schemas()
    if given not in names:
        raise UnknownNameError("label schema", given, names)
    return read_schema(resource(f"schemas/{given}.json"))


def read_schema(path: str | Path) -> LabelSchema:
    """Read a label schema from a JSON file; raises AnnotatorError that names what is wrong."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise AnnotatorError(f"cannot read the label schema {path}: {reason}") from error
    try:
        return schema_from_json(text)
    except AnnotatorError as error:
        raise AnnotatorError(f"{path} is not a label schema: {error}") from error


def schema_from_json(text: str) -> LabelSchema:
    """Return the label schema of a JSON text; raises AnnotatorError that names what is wrong."""
    try:
        given = _Schema.model_validate_json(text)
    except ValidationError as error:
        raise AnnotatorError(
            "; ".join(_complaint(dict(entry)) for entry in error.errors())
        ) from None
    schema = LabelSchema(
        name=given.name,
        title=given.title,
        labels=tuple(_label(label) for label in given.labels),
        fields=tuple(
            DiagnosisField(**field.model_dump(exclude={"choices"}), choices=tuple(field.choices))
            for field in given.fields
        ),
        windows=tuple(given.windows),
        overlaps=tuple(
            Overlap(value=entry.value, labels=tuple(entry.labels)) for entry in given.overlaps
        ),
        landmarks=tuple(Landmark(**entry.model_dump()) for entry in given.landmarks),
    )
    with_overlaps(schema)  # a project gives the values; here it is only seen that it can
    return schema


def schema_to_json(schema: LabelSchema) -> str:
    """Return a label schema as JSON that `schema_from_json` reads back to the same."""
    content = {
        "name": schema.name,
        "title": schema.title,
        "labels": [
            {
                "value": label.value,
                "name": label.name,
                "color": label.color,
                "required": label.required,
                "group": label.group,
                "category": _code_to_json(label.category),
                "code": _code_to_json(label.code),
            }
            for label in schema.labels
        ],
        "fields": [
            {
                "key": field.key,
                "title": field.title,
                "kind": field.kind,
                "choices": [list(choice) for choice in field.choices],
                "minimum": field.minimum,
                "maximum": field.maximum,
                "required": field.required,
            }
            for field in schema.fields
        ],
        "windows": list(schema.windows),
        "overlaps": [
            {"value": entry.value, "labels": list(entry.labels)} for entry in schema.overlaps
        ],
        "landmarks": [
            {"key": entry.key, "title": entry.title, "required": entry.required}
            for entry in schema.landmarks
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _label(given: _Label) -> Label:
    return Label(
        value=given.value,
        name=given.name,
        color=given.color.lower(),
        required=given.required,
        group=given.group.strip(),
        category=None if given.category is None else Code(**given.category.model_dump()),
        code=None if given.code is None else Code(**given.code.model_dump()),
    )


def _code_to_json(code: Code | None) -> dict[str, str] | None:
    if code is None:
        return None
    return {"scheme": code.scheme, "value": code.value, "meaning": code.meaning}


def _complaint(entry: dict[str, object]) -> str:
    where = entry["loc"]
    place = ".".join(str(part) for part in where) if isinstance(where, tuple) else ""
    return f"{place or 'the whole'}: {entry['msg']}"


def _unique(what: str, names: list[str]) -> None:
    double = [name for name, times in Counter(names).items() if times > 1]
    if double:
        raise ValueError(f"the {what} {double[0]!r} occurs twice")
