"""Networks that users brought to a project: what is known of each; their files stay outside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, or_, select

from annotator.api.networks import NetworkCard, SuppliedNetwork
from annotator.domain.errors import ConflictError, UnknownNameError
from annotator.store.facts import canonical, from_json, to_json
from annotator.store.tables import networks

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from annotator.store.database import Change

_LOGGED = ("format", "path", "card", "label_values", "files", "licence_accepted_by")


def put(change: Change, network: SuppliedNetwork) -> SuppliedNetwork:
    """Keep a network in place of what was known of the same files; the same again writes nothing.

    Raises ConflictError where another network of the project has its title.
    """
    connection = change.connection
    row: dict[str, Any] = {
        "title": network.card.title,
        "format": network.format,
        "path": network.path,
        "card": to_json(network.card),
        "label_values": canonical(network.label_values),
        "files": canonical(network.files),
        "licence_accepted_by": network.licence_accepted_by,
    }
    known = connection.execute(
        select(networks).where(
            or_(networks.c.network_id == network.network_id, networks.c.title == row["title"])
        )
    ).all()
    for other in known:
        if other.network_id != network.network_id:
            raise ConflictError(
                f"the project has another network titled {other.title!r} ({other.path}); give "
                "this one another title, or remove that one"
            )
        if {name: other._mapping[name] for name in row} == row:
            return _fact(other)
    connection.execute(delete(networks).where(networks.c.network_id == network.network_id))
    connection.execute(
        insert(networks).values(network_id=network.network_id, created_at=change.now, **row)
    )
    change.log(
        "put network",
        network_id=network.network_id,
        **{name: row[name] for name in _LOGGED},
    )
    return read(connection, network.network_id)


def remove(change: Change, name: str) -> None:
    """Take a network out of the project; its files, its readings and the log stay."""
    row = _row(change.connection, name)
    change.connection.execute(delete(networks).where(networks.c.network_id == row.network_id))
    change.log("remove network", network_id=row.network_id)


def every(connection: Connection) -> tuple[SuppliedNetwork, ...]:
    """Return all networks, oldest first."""
    query = select(networks).order_by(networks.c.created_at, networks.c.network_id)
    return tuple(_fact(row) for row in connection.execute(query))


def read(connection: Connection, name: str) -> SuppliedNetwork:
    """Return one network, by its title, its id or as many first characters of it as are unique."""
    return _fact(_row(connection, name))


def _row(connection: Connection, name: str) -> Row[Any]:
    titled = connection.execute(select(networks).where(networks.c.title == name)).first()
    if titled is not None:
        return titled
    is_meant = networks.c.network_id.startswith(name, autoescape=True)
    rows = connection.execute(select(networks).where(is_meant)).all()
    if not name or len(rows) != 1:
        known = connection.execute(select(networks.c.title)).scalars()
        raise UnknownNameError("network", name, known)
    return rows[0]


def _fact(row: Row[Any]) -> SuppliedNetwork:
    return SuppliedNetwork(
        network_id=row.network_id,
        format=row.format,
        path=row.path,
        card=from_json(NetworkCard, row.card),
        label_values=tuple((channel, value) for channel, value in json.loads(row.label_values)),
        files=tuple((name, sha256) for name, sha256 in json.loads(row.files)),
        licence_accepted_by=row.licence_accepted_by,
        created_at=row.created_at,
    )
