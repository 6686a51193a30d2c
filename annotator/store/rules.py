"""Rules: what holds for the whole project until it is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import delete, insert, select

from annotator.domain.job import ClearedJobs
from annotator.domain.quality import FeedbackRule, OverlapRule, WithoutModelRule
from annotator.store.facts import from_json, to_json
from annotator.store.tables import rules

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from annotator.domain.quality import Rule
    from annotator.store.database import Change

RuleKind = TypeVar("RuleKind", OverlapRule, FeedbackRule, WithoutModelRule, ClearedJobs)


def put(change: Change, rule: Rule | ClearedJobs) -> None:
    """Keep a rule in place of the one of its kind; the same one again writes nothing."""
    content = to_json(rule)
    query = select(rules.c.content).where(rules.c.key == rule.key)
    if change.connection.execute(query).scalar_one_or_none() == content:
        return
    change.connection.execute(delete(rules).where(rules.c.key == rule.key))
    change.connection.execute(insert(rules).values(key=rule.key, content=content))
    change.log("put rule", key=rule.key, content=content)


def read(connection: Connection, kind: type[RuleKind]) -> RuleKind | None:
    """Return the rule of a kind, or None where the project has none."""
    content = connection.execute(
        select(rules.c.content).where(rules.c.key == kind.key)
    ).scalar_one_or_none()
    return None if content is None else from_json(kind, content)
