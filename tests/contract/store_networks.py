"""Networks that users brought: part of the contract of a store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from annotator.api import Intensity, NetworkCard, SuppliedNetwork
from annotator.domain.errors import ConflictError, UnknownNameError
from tests.contract.store_world import ME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.store import Store

CARD = NetworkCard(
    title="Lesions",
    n_dims=3,
    n_channels=1,
    labels=((1, "Lesion"), (2, "Organ")),
    intensity=Intensity(scaling="range", low=-200.0, high=250.5, clip=(-200.0, 250.5)),
    spacing_mm=(2.0, 1.0, 1.0),
    patch=(32, 64, 64),
    multiple=16,
    orientation="RAS",
    flips=("x",),
    licence="CC0",
)
FLAT = NetworkCard(
    title="Slices", n_dims=2, n_channels=3, labels=((0, "Lesion"),), spacing_mm=(None, 0.5, 0.5)
)

TAMPERED = {
    "a card": ("UPDATE networks SET card = '{}'", "its card is not what the audit log"),
    "a path": ("UPDATE networks SET path = '/elsewhere'", "its path is not what"),
    "hashes": ("UPDATE networks SET files = '[]'", "its files is not what"),
    "labels": ("UPDATE networks SET label_values = '[]'", "its label_values is not what"),
    "who accepted": ("UPDATE networks SET licence_accepted_by = 'X'", "its licence_accepted_by"),
    "one taken out": ("DELETE FROM networks", "is gone; the audit log says"),
    "one put in": (
        "INSERT INTO networks SELECT 'abc', format, path, 'Z', card, label_values, files, "
        "licence_accepted_by, created_at FROM networks",
        "the network abc is not in the audit log",
    ),
}


def network(card: NetworkCard = CARD, network_id: str = "a1b2" * 16) -> SuppliedNetwork:
    return SuppliedNetwork(
        network_id=network_id,
        format="onnx",
        path="/models/lesions.onnx",
        card=card,
        label_values=((1, 1), (2, 300)),
        files=(("lesions.json", "1" * 64), ("lesions.onnx", "2" * 64)),
        licence_accepted_by="Dr. Abe",
        created_at="",
    )


class NetworksContract:
    def tamper(self, location: str, statement: str, values: Sequence[object] = ()) -> None:
        raise NotImplementedError

    @pytest.mark.parametrize("card", [CARD, FLAT])
    def test_a_network_comes_back_whole(self, store: Store, card: NetworkCard) -> None:
        kept = store.put_network(network(card), actor=ME)
        assert kept == replace(network(card), created_at=kept.created_at)
        assert kept.created_at
        for name in (kept.network_id, kept.network_id[:6], card.title):
            assert store.network(name) == kept
        assert store.networks() == (kept,)
        assert store.verify() == ()

    def test_the_same_network_writes_nothing_and_a_new_card_replaces(self, store: Store) -> None:
        store.put_network(network(), actor=ME)
        n_rows = len(store.audit())
        store.put_network(network(), actor=ME)
        assert len(store.audit()) == n_rows
        changed = store.put_network(
            replace(network(replace(CARD, title="Other")), label_values=((1, 300),)), actor=ME
        )
        assert store.networks() == (changed,)
        assert changed.label_values == ((1, 300),)
        assert store.verify() == ()

    def test_titles_name_one_network(self, store: Store) -> None:
        store.put_network(network(), actor=ME)
        with pytest.raises(ConflictError, match="another network titled 'Lesions'"):
            store.put_network(network(network_id="ff" * 32), actor=ME)
        other = store.put_network(network(FLAT, network_id="ff" * 32), actor=ME)
        with pytest.raises(ConflictError, match="another network titled 'Lesions'"):
            store.put_network(replace(other, card=CARD), actor=ME)
        assert [entry.card.title for entry in store.networks()] == ["Lesions", "Slices"]
        assert store.verify() == ()

    def test_a_network_that_is_not_there_is_told(self, store: Store) -> None:
        store.put_network(network(), actor=ME)
        store.put_network(network(FLAT, network_id="a1b3" * 16), actor=ME)
        for name in ("", "a1b", "Lesion", "%"):
            with pytest.raises(UnknownNameError, match="Available: Lesions, Slices"):
                store.network(name)

    def test_a_network_can_be_taken_out_and_brought_again(self, store: Store) -> None:
        store.put_network(network(), actor=ME)
        store.remove_network("Lesions", actor=ME)
        assert store.networks() == ()
        with pytest.raises(UnknownNameError, match="no network 'Lesions'"):
            store.remove_network("Lesions", actor=ME)
        assert store.verify() == ()
        store.put_network(network(), actor=ME)
        assert len(store.networks()) == 1
        assert store.verify() == ()

    @pytest.mark.parametrize("name", TAMPERED)
    def test_verify_names_changed_networks(self, store: Store, location: str, name: str) -> None:
        store.put_network(network(), actor=ME)
        statement, words = TAMPERED[name]
        self.tamper(location, statement)
        problems = store.verify()
        assert any(words in problem for problem in problems), problems
