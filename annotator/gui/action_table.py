"""The table of actions: whatever a person can ask of the window, with its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.gui.app_actions import APP, PROJECT
from annotator.gui.beside_actions import BESIDE_ACTIONS
from annotator.gui.drawing_actions import CANVAS_ACTIONS, DRAWING_ACTIONS, RATER
from annotator.gui.mark_actions import MARK_ACTIONS
from annotator.gui.review_actions import REVIEW
from annotator.gui.tracing.actions import TRACING
from annotator.gui.tracing.review_actions import TRACE_REVIEW
from annotator.gui.view_actions import VIEW_ACTIONS

if TYPE_CHECKING:
    from annotator.gui.actions import Action

ACTIONS: tuple[Action, ...] = (
    *PROJECT,
    *APP,
    *DRAWING_ACTIONS,
    *CANVAS_ACTIONS,
    *VIEW_ACTIONS,
    *BESIDE_ACTIONS,
    *RATER,
    *MARK_ACTIONS,
    *TRACING,
    *REVIEW,
    *TRACE_REVIEW,
)
"""Every action, in the order of the menus."""
