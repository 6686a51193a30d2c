"""The tables of a project: one set for SQLite and PostgreSQL."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
    false,
    text,
)

metadata = MetaData()

RowId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts rows by itself only in a column that is called INTEGER."""

schema_versions = Table(
    "schema_versions",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("applied_at", Text, nullable=False),
)

project = Table(
    "project",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("schema", Text, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("created_at", Text, nullable=False),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("sequence", RowId, primary_key=True, autoincrement=False),
    Column("created_at", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("sequence", RowId, nullable=False),
    Column("hash", Text, nullable=False),
)
"""One row: where the log ends. Without it a log that lost its last rows would look whole."""

series = Table(
    "series",
    metadata,
    Column("series_id", Text, primary_key=True),
    Column("facts", Text, nullable=False),
)

cases = Table(
    "cases",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("title", Text, nullable=False, unique=True),
    Column("created_at", Text, nullable=False),
)

case_series = Table(
    "case_series",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("series_id", ForeignKey("series.series_id"), nullable=False),
)

raters = Table(
    "raters",
    metadata,
    Column("rater_id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("is_model", Boolean, nullable=False),
    Column("may_review", Boolean, nullable=False),
    Column("created_at", Text, nullable=False),
)

assignments = Table(
    "assignments",
    metadata,
    Column("rater_id", ForeignKey("raters.rater_id"), primary_key=True),
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("position", Integer, nullable=False),
)

slabs = Table(
    "slabs",
    metadata,
    Column("slab_id", RowId, primary_key=True),
    Column("key", LargeBinary, nullable=False, unique=True),
    Column("blob", LargeBinary, nullable=False),
)
"""``key`` is the SHA-256 of the runs, ``blob`` the runs compressed; rows refer to ``slab_id``."""

masks = Table(
    "masks",
    metadata,
    Column("mask_id", RowId, primary_key=True),
    Column("z_size", Integer, nullable=False),
    Column("y_size", Integer, nullable=False),
    Column("x_size", Integer, nullable=False),
)

mask_slabs = Table(
    "mask_slabs",
    metadata,
    Column("mask_id", ForeignKey("masks.mask_id"), primary_key=True),
    Column("slab_index", Integer, primary_key=True, autoincrement=False),
    Column("slab_id", ForeignKey("slabs.slab_id"), nullable=False),
    sqlite_with_rowid=False,
)

annotation_table = Table(
    "annotations",
    metadata,
    Column("annotation_id", Text, primary_key=True),
    Column("case_id", ForeignKey("cases.case_id"), nullable=False),
    Column("series_id", ForeignKey("series.series_id"), nullable=False),
    Column("rater_id", ForeignKey("raters.rater_id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("parent_id", ForeignKey("annotations.annotation_id")),
    Column("started_from_id", ForeignKey("annotations.annotation_id")),
    Column("diagnosis", Text, nullable=False),
    Column("mask_id", ForeignKey("masks.mask_id"), nullable=False),
    Column("created_at", Text, nullable=False),
    UniqueConstraint("case_id", "rater_id", "revision"),
)

drafts = Table(
    "drafts",
    metadata,
    Column("draft_id", RowId, primary_key=True),
    Column("case_id", ForeignKey("cases.case_id"), nullable=False),
    Column("rater_id", ForeignKey("raters.rater_id"), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("mask_id", ForeignKey("masks.mask_id"), nullable=False),
    Column("head_step_id", RowId),
    Column("parent_id", ForeignKey("annotations.annotation_id")),
    Column("started_from_id", ForeignKey("annotations.annotation_id")),
    Column("diagnosis", Text, nullable=False),
    Column("created_at", Text, nullable=False),
)
"""``mask_id`` holds the state after ``head_step_id``; the draft began as its parent's mask."""


@event.listens_for(drafts, "after_create")
def _allow_one_open_draft(_table: Table, connection: Connection, **_: object) -> None:
    # As words that both databases know: given as options of an Index, they would load the dialects
    # of databases that the project is not kept in, a twentieth of a second at every start.
    connection.execute(
        text(
            "CREATE UNIQUE INDEX one_open_draft ON drafts (case_id, rater_id, purpose) "
            "WHERE is_open"
        )
    )


steps = Table(
    "steps",
    metadata,
    Column("step_id", RowId, primary_key=True),
    Column("draft_id", ForeignKey("drafts.draft_id"), nullable=False),
    Column("parent_step_id", ForeignKey("steps.step_id")),
    Column("tool", Text, nullable=False),
    Column("box", Text, nullable=False),
    Column("started_from_id", ForeignKey("annotations.annotation_id")),
    Column("created_at", Text, nullable=False),
    Index("steps_of_parent", "draft_id", "parent_step_id"),
)

step_slabs = Table(
    "step_slabs",
    metadata,
    Column("step_id", ForeignKey("steps.step_id"), primary_key=True),
    Column("slab_index", Integer, primary_key=True, autoincrement=False),
    Column("before_slab_id", ForeignKey("slabs.slab_id")),
    Column("after_slab_id", ForeignKey("slabs.slab_id")),
    sqlite_with_rowid=False,
)

fits = Table(
    "fits",
    metadata,
    Column("fit_id", Text, primary_key=True),
    Column("recipe", Text, nullable=False, unique=True),
    Column("summary", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", Text, nullable=False),
)
"""``content`` is what the method learned, compressed."""

forecasts = Table(
    "forecasts",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("fit_id", ForeignKey("fits.fit_id"), primary_key=True),
    Column("difficulty", Float, nullable=False),
    Column("why", Text, nullable=False),
)

fusions = Table(
    "fusions",
    metadata,
    Column("fusion_id", Text, primary_key=True),
    Column("case_id", ForeignKey("cases.case_id"), nullable=False),
    Column("recipe", Text, nullable=False, unique=True),
    Column("performance", Text, nullable=False),
    Column("warnings", Text, nullable=False),
    Column("labels_mask_id", ForeignKey("masks.mask_id"), nullable=False),
    Column("patterns_mask_id", ForeignKey("masks.mask_id"), nullable=False),
    Column("probability", LargeBinary, nullable=False),
    Column("n_labels", Integer, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("fit_id", ForeignKey("fits.fit_id")),
    Column("training_target_only", Boolean, nullable=False, server_default=false()),
    Index("fusions_of_case", "case_id"),
)
"""``probability`` is the (pattern, label) table, little-endian float64, compressed."""

fusion_weights = Table(
    "fusion_weights",
    metadata,
    Column("fusion_id", ForeignKey("fusions.fusion_id"), primary_key=True),
    Column("rater_id", ForeignKey("raters.rater_id"), primary_key=True),
    Column("mask_id", ForeignKey("masks.mask_id"), nullable=False),
)
"""How far a rater was believed, voxel by voxel: ``1 + round(254 * weight)``, 0 beyond the box."""

case_findings = Table(
    "case_findings",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("findings_key", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("case_score", Text, nullable=False),
    Column("findings", Text, nullable=False),
)

case_votes = Table(
    "case_votes",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("findings_key", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
"""How often raters voted in each way: patterns, their voxels and the labels, compressed."""

label_errors = Table(
    "label_errors",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("content", Text, nullable=False),
)
"""What was found in the readings of a case that were checked last, as JSON."""

contour_errors = Table(
    "contour_errors",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("content", Text, nullable=False),
)
"""What was held wrong along the contours of a case that were checked last, as JSON."""

verdicts = Table(
    "verdicts",
    metadata,
    Column("verdict_id", RowId, primary_key=True),
    Column("case_id", ForeignKey("cases.case_id"), nullable=False),
    Column("findings_key", Text, nullable=False),
    Column("region", Integer, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("is_undone", Boolean, nullable=False),
    Index("verdicts_of_case", "case_id", "findings_key"),
)

adjudications = Table(
    "adjudications",
    metadata,
    Column("adjudication_id", Text, primary_key=True),
    Column("row", RowId, nullable=False, unique=True),
    Column("case_id", ForeignKey("cases.case_id"), nullable=False),
    Column("reviewer_id", ForeignKey("raters.rater_id"), nullable=False),
    Column("fusion_id", ForeignKey("fusions.fusion_id"), nullable=False),
    Column("findings_key", Text, nullable=False),
    Column("replaces_id", ForeignKey("adjudications.adjudication_id")),
    Column("verdicts", Text, nullable=False),
    Column("diagnosis", Text, nullable=False),
    Column("mask_id", ForeignKey("masks.mask_id"), nullable=False),
    Column("origin_mask_id", ForeignKey("masks.mask_id"), nullable=False),
    Column("created_at", Text, nullable=False),
    Index("adjudications_of_case", "case_id", "row"),
)

rules = Table(
    "rules",
    metadata,
    Column("key", Text, primary_key=True),
    Column("content", Text, nullable=False),
)
"""What holds for the whole project, as JSON: when a further rater is asked for, for example."""

gold_cases = Table(
    "gold_cases",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("mask_id", ForeignKey("masks.mask_id"), nullable=False),
    Column("diagnosis", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("created_at", Text, nullable=False),
)
"""Cases whose truth is known: raters read them like any other, and are judged by them."""

assignment_regions = Table(
    "assignment_regions",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("rater_id", ForeignKey("raters.rater_id"), primary_key=True),
    Column("content", Text, nullable=False),
)
"""The boxes that a rater is asked for, where that is not the whole case."""

repeat_cases = Table(
    "repeat_cases",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("original_id", ForeignKey("cases.case_id"), nullable=False),
    Column("rater_id", ForeignKey("raters.rater_id"), nullable=False),
    Column("created_at", Text, nullable=False),
)
"""A case that a rater reads for the second time, under another title."""

networks = Table(
    "networks",
    metadata,
    Column("network_id", Text, primary_key=True),
    Column("format", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("title", Text, nullable=False, unique=True),
    Column("card", Text, nullable=False),
    Column("label_values", Text, nullable=False),
    Column("files", Text, nullable=False),
    Column("licence_accepted_by", Text, nullable=False),
    Column("created_at", Text, nullable=False),
)
"""Networks that a user brought. The files stay where they are; ``files`` holds their SHA-256, of
which ``network_id`` is made. ``label_values`` says which value of the schema each output draws."""

prediction_maps = Table(
    "prediction_maps",
    metadata,
    Column("annotation_id", ForeignKey("annotations.annotation_id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("label", Integer, primary_key=True, autoincrement=False),
    Column("mask_id", ForeignKey("masks.mask_id"), nullable=False),
)
"""How sure a model was, voxel by voxel: ``1 + round(254 * value)``, 0 where nothing is kept.

``kind`` is ``probability`` (of ``label``) or ``uncertainty`` (``label`` is 0)."""

trainings = Table(
    "trainings",
    metadata,
    Column("training_id", Text, primary_key=True),
    Column("recipe", Text, nullable=False),
    Column("job_id", ForeignKey("jobs.job_id")),
    Column("stop_requested", Boolean, nullable=False),
    Column("checkpoint", LargeBinary),
    Column("fit_id", ForeignKey("fits.fit_id")),
    Column("created_at", Text, nullable=False),
)
"""Trainings under way, cancelled and done; ``checkpoint`` is dropped when there is a fit."""

training_points = Table(
    "training_points",
    metadata,
    Column("training_id", ForeignKey("trainings.training_id"), primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("curve", Text, primary_key=True),
    Column("value", Float, nullable=False),
)

training_examples = Table(
    "training_examples",
    metadata,
    Column("training_id", ForeignKey("trainings.training_id"), primary_key=True),
    Column("title", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""The newest example of each title: a slice, what is right on it and what was drawn, compressed."""

acceptances = Table(
    "acceptances",
    metadata,
    Column("annotation_id", ForeignKey("annotations.annotation_id"), primary_key=True),
    Column("content", Text, nullable=False),
)
"""What a reading owes to the model that its draft could start from, as JSON."""

tracing_cases = Table(
    "tracing_cases",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
)
"""Cases on which neurons are traced; on all others masks are drawn."""

trees = Table(
    "trees",
    metadata,
    Column("tree_id", RowId, primary_key=True),
    Column("key", LargeBinary, nullable=False, unique=True),
    Column("blob", LargeBinary, nullable=False),
    Column("n_nodes", BigInteger, nullable=False),
)
"""``key`` is the SHA-256 of the columns, ``blob`` the columns compressed."""

annotation_trees = Table(
    "annotation_trees",
    metadata,
    Column("annotation_id", ForeignKey("annotations.annotation_id"), primary_key=True),
    Column("tree_id", ForeignKey("trees.tree_id"), nullable=False),
)

draft_trees = Table(
    "draft_trees",
    metadata,
    Column("draft_id", ForeignKey("drafts.draft_id"), primary_key=True),
    Column("tree_id", ForeignKey("trees.tree_id"), nullable=False),
)
"""The tree that a draft began with; what it is now, its steps make of it."""

step_trees = Table(
    "step_trees",
    metadata,
    Column("step_id", ForeignKey("steps.step_id"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""What a step changed in a tree: rows before and after, compressed."""

trace_findings = Table(
    "trace_findings",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("findings_key", Text, primary_key=True),
    Column("content", Text, nullable=False),
    Column("created_at", Text, nullable=False),
)
"""What was found last in a tracing beside some others, as JSON."""

trace_sign_offs = Table(
    "trace_sign_offs",
    metadata,
    Column("sign_off_id", Text, primary_key=True),
    Column("row", RowId, nullable=False, unique=True),
    Column("case_id", ForeignKey("cases.case_id"), nullable=False),
    Column("reviewer_id", ForeignKey("raters.rater_id"), nullable=False),
    Column("base_id", ForeignKey("annotations.annotation_id"), nullable=False),
    Column("findings_key", Text, nullable=False),
    Column("replaces_id", ForeignKey("trace_sign_offs.sign_off_id")),
    Column("found", Text, nullable=False),
    Column("verdicts", Text, nullable=False),
    Column("diagnosis", Text, nullable=False),
    Column("tree_id", ForeignKey("trees.tree_id"), nullable=False),
    Column("created_at", Text, nullable=False),
)
"""Tracings that a reviewer signed off: ``base_id`` was reviewed, ``found`` says what was found."""

step_marks = Table(
    "step_marks",
    metadata,
    Column("step_id", ForeignKey("steps.step_id"), primary_key=True),
    Column("content", Text, nullable=False),
)
"""What a step changed in the marks of a draft: each mark before and after, as JSON."""

annotation_marks = Table(
    "annotation_marks",
    metadata,
    Column("annotation_id", ForeignKey("annotations.annotation_id"), primary_key=True),
    Column("content", Text, nullable=False),
)
"""The marks of a submitted reading, as JSON, where it has any."""

jobs = Table(
    "jobs",
    metadata,
    Column("job_id", RowId, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("progress", Float, nullable=False),
    Column("message", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("host", Text),
    Column("pid", BigInteger),
    Column("beat_at", Text),
)
"""``host``, ``pid`` and ``beat_at``: who works on it, and when that process last gave a sign."""
