"""What each rater is good at, for the rooms; made where exports can use it too."""

from __future__ import annotations

from annotator.jobs.rater_report import RaterCase, RaterReport, RaterRow, report_raters

__all__ = ["RaterCase", "RaterReport", "RaterRow", "report_raters"]
