"""Tables as CSV and JSON files, read back before they count as written."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator import __version__
from annotator.api import checked_file
from annotator.domain.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from annotator.store import ProjectInfo

Value = str | int | float | bool | None | list[str] | list[int] | list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows by column name; every row has every column."""

    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Value], ...]


def write_csv(path: Path, table: Table) -> Path:
    """Write a table as CSV in UTF-8: lists with ``;``, truth as true and false, None empty."""
    lines = [list(table.columns)]
    lines += [[_cell(row[column]) for column in table.columns] for row in table.rows]
    with checked_file(path) as part:
        with part.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows(lines)
        with part.open(encoding="utf-8", newline="") as stream:
            if list(csv.reader(stream)) != lines:
                raise IntegrityError(f"{path} reads back with other rows than were written")
    return path


def write_json(path: Path, project: ProjectInfo, tables: Mapping[str, Table]) -> Path:
    """Write all tables as one JSON document: a list of objects for each table."""
    content: dict[str, object] = {
        "project": {"id": project.project_id, "title": project.title},
        "annotator": __version__,
    }
    for name, table in tables.items():
        content[name] = [{column: row[column] for column in table.columns} for row in table.rows]
    with checked_file(path) as part:
        part.write_text(
            json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n",
            encoding="utf-8",
        )
        if json.loads(part.read_text(encoding="utf-8")) != content:
            raise IntegrityError(f"{path} reads back with other content than was written")
    return path


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ";".join(str(part) for part in value)
    return repr(value) if isinstance(value, float) else str(value)
