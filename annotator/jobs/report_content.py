"""What a report is made of before it has a form: plain text, never markup."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """A few sentences; ``is_note`` where they are beside the point."""

    text: str
    is_note: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table: the first ``n_names`` cells of a row say what the row is about."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_names: int = 1
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A picture by the key of `report_pictures.PICTURES`, what it shows, and that in words."""

    key: str
    caption: str
    in_words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Words and what they mean."""

    entries: tuple[tuple[str, str], ...]


Block = Paragraph | Sheet | Drawing | Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the report under a heading; ``key`` is what links lead to."""

    key: str
    title: str
    blocks: tuple[Block, ...]
