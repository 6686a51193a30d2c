"""How problems call the things of a project: by names that a person knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from annotator.store.tables import (
    adjudications,
    annotation_table,
    cases,
    drafts,
    fusion_weights,
    fusions,
    gold_cases,
    mask_slabs,
    prediction_maps,
    raters,
    step_slabs,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SHOWN_USERS = 3


class Words:
    """Names for rows, read once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._titles: dict[str, str] = {
            row.case_id: row.title for row in connection.execute(select(cases))
        }
        self._names: dict[str, str] = {
            row.rater_id: row.name for row in connection.execute(select(raters))
        }

    def case(self, case_id: str) -> str:
        """Name a case."""
        return f"case {self._titles.get(case_id, case_id)!r}"

    def rater(self, rater_id: str) -> str:
        """Name a rater."""
        return self._names.get(rater_id, f"rater {rater_id}")

    def reading(self, kind: str, number: object, case_id: str, rater_id: str) -> str:
        """Name a draft or annotation."""
        return f"{kind} {str(number)[:12]} ({self.case(case_id)}, {self.rater(rater_id)})"

    def mask_owner(self, mask_id: int) -> str:
        """Name what a mask belongs to."""
        connection = self._connection
        row = connection.execute(
            select(annotation_table).where(annotation_table.c.mask_id == mask_id)
        ).first()
        if row:
            return self.reading("annotation", row.annotation_id, row.case_id, row.rater_id)
        row = connection.execute(select(drafts).where(drafts.c.mask_id == mask_id)).first()
        if row:
            return self.reading("draft", row.draft_id, row.case_id, row.rater_id)
        row = connection.execute(
            select(fusion_weights, fusions.c.case_id)
            .join(fusions)
            .where(fusion_weights.c.mask_id == mask_id)
        ).first()
        if row:
            return f"weights of fusion {row.fusion_id[:12]} ({self.case(row.case_id)})"
        row = connection.execute(
            select(gold_cases.c.case_id).where(gold_cases.c.mask_id == mask_id)
        ).first()
        if row:
            return f"the truth of {self.case(row.case_id)}"
        row = connection.execute(
            select(prediction_maps).where(prediction_maps.c.mask_id == mask_id)
        ).first()
        if row:
            return f"{row.kind} of annotation {row.annotation_id[:12]}"
        for table, column, kind in (
            (fusions, fusions.c.labels_mask_id, "the labels of fusion"),
            (fusions, fusions.c.patterns_mask_id, "the patterns of fusion"),
            (adjudications, adjudications.c.mask_id, "the mask of adjudication"),
            (adjudications, adjudications.c.origin_mask_id, "the origins of adjudication"),
        ):
            row = connection.execute(select(table).where(column == mask_id)).first()
            if row:
                return f"{kind} {row[0][:12]} ({self.case(row.case_id)})"
        return f"mask {mask_id}, which nothing owns"

    def slab_users(self, slab_id: int) -> str:
        """Name what would be lost with a slab."""
        rows = self._connection.execute(
            select(mask_slabs.c.mask_id, mask_slabs.c.slab_index).where(
                mask_slabs.c.slab_id == slab_id
            )
        ).all()
        users = [f"{self.mask_owner(row.mask_id)}, slab {row.slab_index}" for row in rows]
        if not users:
            rows = self._connection.execute(
                select(step_slabs.c.step_id, step_slabs.c.slab_index).where(
                    (step_slabs.c.before_slab_id == slab_id)
                    | (step_slabs.c.after_slab_id == slab_id)
                )
            ).all()
            users = [f"step {row.step_id}, slab {row.slab_index}" for row in rows]
        more = len(users) - _SHOWN_USERS
        shown = "; ".join(users[:_SHOWN_USERS]) + (f"; and {more} more" if more > 0 else "")
        return f"used by {shown}" if users else "used by nothing"
