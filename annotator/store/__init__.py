"""Rows and voxels of one project; the only room that knows how anything is kept."""

from __future__ import annotations

from annotator.store.audit import AuditRow
from annotator.store.projects import ProjectInfo
from annotator.store.store import Store

__all__ = ["AuditRow", "ProjectInfo", "Store"]
