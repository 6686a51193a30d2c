"""The part of a store for networks that users brought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.store import networks
from annotator.store.access import Access

if TYPE_CHECKING:
    from annotator.api.networks import SuppliedNetwork


class NetworkAccess(Access):
    """Networks; their files stay where they are."""

    def put_network(self, network: SuppliedNetwork, *, actor: str) -> SuppliedNetwork:
        """Keep a network in place of what was known of the same files.

        Raises ConflictError where another one has its title.
        """
        return self._write(actor, networks.put, network)

    def networks(self) -> tuple[SuppliedNetwork, ...]:
        """Return all networks, oldest first."""
        return self._read(networks.every)

    def network(self, name: str) -> SuppliedNetwork:
        """Return one network, by its title, its id or the first characters of it."""
        return self._read(networks.read, name)

    def remove_network(self, name: str, *, actor: str) -> None:
        """Take a network out of the project; its files, its readings and the log stay."""
        self._write(actor, networks.remove, name)
