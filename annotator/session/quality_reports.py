"""How good readings are, for the rooms."""

from __future__ import annotations

from annotator.analysis.bootstrap import Interval
from annotator.jobs.gold_report import GoldReport
from annotator.jobs.repeat_report import IntraReport
from annotator.jobs.signed_off import SignedOffReport

__all__ = ["GoldReport", "Interval", "IntraReport", "SignedOffReport"]
