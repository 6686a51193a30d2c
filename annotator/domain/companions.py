"""Which other series are shown beside a case: of the same study, or of an earlier one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from annotator.domain.study import Series

CompanionKind = Literal["series", "prior"]
"""Of the same study, or of an earlier one of the same patient."""
KINDS: tuple[CompanionKind, ...] = get_args(CompanionKind)
_NOBODY = frozenset(
    {"", "0", "anon", "anonymous", "anonymized", "none", "n/a", "patient", "unknown"}
)
"""Patient ids that many de-identified files share: they say nothing about who it was."""
_WHO = ("PatientBirthDate", "PatientSex")
_MONTH_DAYS = 30.4375


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedSeries:
    """A series that somebody put beside a case.

    Kept apart from the series that a case is made of: those are what networks of several channels
    take in, and what the id of the case is made of.
    """

    series_id: str
    kind: CompanionKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """A series that can be shown beside a case.

    Attributes
    ----------
    title : str
        What it is called on the screen.
    when : str
        Where it stands in time, in words: ``prior, 14 months earlier``.
    is_attached : bool
        Whether somebody put it there; otherwise it was found by what the files say.
    """

    series: Series
    kind: CompanionKind
    title: str
    when: str
    is_attached: bool = False


def attribute(series: Series, keyword: str) -> str:
    """Return what a file said under a DICOM keyword; empty where it said nothing."""
    if series.dicom is None:
        return ""
    return dict(series.dicom.attributes).get(keyword, "").strip()


def study_date(series: Series) -> date | None:
    """Return the day of the study; None where the file does not say it."""
    text = attribute(series, "StudyDate").replace(".", "")
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return None


def can_stand_beside(own: Series, other: Series) -> bool:
    """Whether a series can be compared with another: both volumes, or both pictures.

    Whole slides cannot: they are read by tiles, and nothing is cut out of them.
    """
    if own.series_id == other.series_id or own.kind != other.kind or own.kind == "video":
        return False
    pair = (own, other)
    return all(one.slide is None and not one.geometry.is_time for one in pair)


def kind_by_files(own: Series, other: Series) -> CompanionKind | None:
    """Return what a series is to another by what the files say; None where they do not say it.

    A prior has the same patient id, another study and an earlier date. An id that many
    de-identified files share counts for nobody's, and one with another date of birth or sex for
    another person's.
    """
    if own.dicom is None or other.dicom is None:
        return None
    if own.dicom.study_uid and own.dicom.study_uid == other.dicom.study_uid:
        return "series"
    patient = attribute(own, "PatientID")
    if patient.casefold() in _NOBODY or patient != attribute(other, "PatientID"):
        return None
    for keyword in _WHO:
        one, two = attribute(own, keyword), attribute(other, keyword)
        if one and two and one != two:
            return None
    return "prior" if _moment(other) < _moment(own) and study_date(other) else None


def words_of_time(own: Series, other: Series, kind: CompanionKind) -> str:
    """Return where a companion stands in time: ``same study``, ``prior, 14 months earlier``."""
    if kind == "series":
        return "same study"
    mine, its = study_date(own), study_date(other)
    if mine is None or its is None:
        return "prior"
    days = (mine - its).days
    if days == 0:
        return "prior, the same day"
    return f"prior, {_span(abs(days))} {'earlier' if days > 0 else 'later'}"


def in_order(companions: tuple[Companion, ...]) -> tuple[Companion, ...]:
    """Return companions as they are listed: the same study first, then priors, newest first."""

    def place(one: Companion) -> tuple[bool, int, int, str]:
        day = study_date(one.series)
        number = attribute(one.series, "SeriesNumber")
        is_prior = one.kind == "prior"
        age = -day.toordinal() if is_prior and day is not None else 0
        return is_prior, age, int(number) if number.isdecimal() else 0, one.title

    return tuple(sorted(companions, key=place))


def _moment(series: Series) -> tuple[str, str]:
    day = study_date(series)
    return ("" if day is None else day.isoformat(), attribute(series, "StudyTime"))


def _span(days: int) -> str:
    if days < 60:
        return "1 day" if days == 1 else f"{days} days"
    months = round(days / _MONTH_DAYS)
    if months < 24:
        return f"{months} months"
    years, left = divmod(months, 12)
    more = "" if not left or years >= 5 else ", 1 month" if left == 1 else f", {left} months"
    return f"{years} years{more}"
