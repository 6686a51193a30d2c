"""How good readings are, for the rooms."""

from __future__ import annotations

from annotator.analysis.bootstrap import Interval
from annotator.jobs.acceptance_facts import AcceptanceReport, AcceptedRow, TakenRow
from annotator.jobs.acceptance_report import report_acceptance
from annotator.jobs.gold_report import GoldReport
from annotator.jobs.repeat_report import IntraReport
from annotator.jobs.report_acceptance import (
    MEASURE_WORDS,
    difference_in_words,
    parts_of,
    said_of_acceptance,
    share_in_words,
)
from annotator.jobs.signed_off import SignedOffReport

__all__ = [
    "MEASURE_WORDS",
    "AcceptanceReport",
    "AcceptedRow",
    "GoldReport",
    "Interval",
    "IntraReport",
    "SignedOffReport",
    "TakenRow",
    "difference_in_words",
    "parts_of",
    "report_acceptance",
    "said_of_acceptance",
    "share_in_words",
]
