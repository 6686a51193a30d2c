"""What raters may see of themselves, for the rooms."""

from __future__ import annotations

from annotator.jobs.feedback import LabelFeedback, Tendency

__all__ = ["LabelFeedback", "Tendency"]
