"""What each rater is good at, for the rooms; made where exports can use it too."""

from __future__ import annotations

from annotator.jobs.cohort import CaseAgreement, Cohort, summarise_cohort
from annotator.jobs.rater_report import RaterCase, RaterReport, RaterRow, report_raters

__all__ = [
    "CaseAgreement",
    "Cohort",
    "RaterCase",
    "RaterReport",
    "RaterRow",
    "report_raters",
    "summarise_cohort",
]
