"""Whether rules, gold cases, repeats and the like are what the audit log recorded last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from annotator.store import masks
from annotator.store.tables import (
    acceptances,
    assignment_regions,
    gold_cases,
    networks,
    repeat_cases,
    rules,
)
from annotator.store.verify_log import entries

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping

    from sqlalchemy import Connection

    from annotator.store.words import Words

_Values = dict[str, Any]


def rules_and_truths(connection: Connection, words: Words) -> Iterator[str]:
    """Replay the log and compare with the rows."""
    logged = _Logged()
    for action, created_at, entry in entries(connection):
        try:
            logged.take(action, {**entry, "created_at": created_at})
        except LookupError:
            continue  # a row of the log was changed: the check of the chain names it
    yield from _compare(
        {row.key: row._asdict() for row in connection.execute(select(rules))},
        logged.rules,
        lambda key: f"the rule {key!r}",
    )
    yield from _compare(
        {row.case_id: _gold(connection, row) for row in connection.execute(select(gold_cases))},
        logged.gold,
        lambda case_id: f"the truth of {words.case(str(case_id))}",
    )
    yield from _compare(
        {row.case_id: row._asdict() for row in connection.execute(select(repeat_cases))},
        logged.repeats,
        lambda case_id: f"the repeat {words.case(str(case_id))}",
    )
    yield from _compare(
        {
            (row.case_id, row.rater_id): row._asdict()
            for row in connection.execute(select(assignment_regions))
        },
        logged.regions,
        lambda key: _regions(words, key),
    )
    yield from _compare(
        {row.network_id: row._asdict() for row in connection.execute(select(networks))},
        logged.networks,
        lambda network_id: f"the network {str(network_id)[:12]}",
    )
    yield from _compare(
        {row.annotation_id: row._asdict() for row in connection.execute(select(acceptances))},
        logged.acceptances,
        lambda annotation_id: f"how annotation {str(annotation_id)[:12]} was made",
    )


class _Logged:
    """What the log says that the rows hold, after its last entry."""

    def __init__(self) -> None:
        self.rules: dict[Hashable, _Values] = {}
        self.gold: dict[Hashable, _Values] = {}
        self.repeats: dict[Hashable, _Values] = {}
        self.regions: dict[Hashable, _Values] = {}
        self.networks: dict[Hashable, _Values] = {}
        self.acceptances: dict[Hashable, _Values] = {}

    def take(self, action: str, entry: _Values) -> None:
        """Follow one entry of the log."""
        if action == "put rule":
            self.rules[entry["key"]] = entry
        elif action == "put gold":
            self.gold[entry["case_id"]] = entry
        elif action == "remove gold":
            self.gold.pop(entry["case_id"], None)
        elif action == "add repeat":
            self.repeats[entry["case_id"]] = entry
        elif action == "assign regions":
            self.regions[entry["case_id"], entry["rater_id"]] = entry
        elif action == "put network":
            self.networks[entry["network_id"]] = entry
        elif action == "remove network":
            self.networks.pop(entry["network_id"], None)
        elif action == "submit" and "acceptance" in entry:
            self.acceptances[entry["annotation_id"]] = {"content": entry["acceptance"]}


def _gold(connection: Connection, row: Any) -> _Values:  # noqa: ANN401 - a row
    grid = masks.grid_of(connection, row.mask_id)
    content = masks.placed(connection, row.mask_id)
    return {**row._asdict(), "mask_sha256": masks.mask_digest(grid, content)}


def _regions(words: Words, key: Hashable) -> str:
    case_id, rater_id = key if isinstance(key, tuple) else (key, "")
    return f"what {words.rater(rater_id)} is asked for in {words.case(case_id)}"


def _compare(
    kept: Mapping[Hashable, _Values],
    logged: Mapping[Hashable, _Values],
    shown: Callable[[Hashable], str],
) -> Iterator[str]:
    for key in sorted(kept.keys() | logged.keys(), key=str):
        if key not in kept:
            yield f"{shown(key)} is gone; the audit log says that it was kept"
        elif key not in logged:
            yield f"{shown(key)} is not in the audit log: it was put in from outside"
        else:
            for name, value in logged[key].items():
                if name in kept[key] and kept[key][name] != value:
                    yield f"{shown(key)}: its {name} is not what the audit log recorded last"
