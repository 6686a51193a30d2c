"""How far raters agree, for the rooms: the report, its file and its pictures."""

from __future__ import annotations

from annotator.jobs.agreement_facts import AgreementReport
from annotator.jobs.agreement_report import ReportSettings, report_agreement
from annotator.jobs.report_html import write_report
from annotator.jobs.report_panels import DARK, LIGHT, PictureStyle
from annotator.jobs.report_pictures import PICTURES, Picture

__all__ = [
    "DARK",
    "LIGHT",
    "PICTURES",
    "AgreementReport",
    "Picture",
    "PictureStyle",
    "ReportSettings",
    "report_agreement",
    "write_report",
]
