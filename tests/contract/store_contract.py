"""What every place that keeps a project must do; each subclass says where, and how to tamper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from annotator.store import Store
from tests.contract.store_conflicts import ConflictsContract
from tests.contract.store_drafts import DraftsContract
from tests.contract.store_integrity import IntegrityContract
from tests.contract.store_jobs import JobsContract
from tests.contract.store_marks import MarksContract
from tests.contract.store_networks import NetworksContract
from tests.contract.store_quality import QualityContract
from tests.contract.store_review import ReviewContract
from tests.contract.store_studies import StudiesContract
from tests.contract.store_tampering import TamperingContract
from tests.contract.store_tracings import TracingsContract
from tests.contract.store_trainings import TrainingsContract
from tests.contract.store_world import SCHEMA, World, make_world

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class StoreContract(
    StudiesContract,
    DraftsContract,
    ConflictsContract,
    ReviewContract,
    JobsContract,
    QualityContract,
    NetworksContract,
    TrainingsContract,
    TracingsContract,
    MarksContract,
    IntegrityContract,
    TamperingContract,
):
    """Subclass it, give `location` and `tamper`, and pytest runs the lot."""

    @pytest.fixture
    def location(self) -> str:
        """Return a place with a copy of what is ready made, or without where no store is asked."""
        raise NotImplementedError

    def tamper(self, location: str, statement: str, values: Sequence[object] = ()) -> None:
        """Run one statement behind the store's back, past every check; ``?`` marks a value."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, location: str) -> Iterator[Store]:
        with Store.open(location) as store:
            yield store

    @staticmethod
    def make(location: str) -> None:
        """Make the project of which each test has a copy."""
        Store.create(location, title="Trial", schema=SCHEMA, seed=7).close()

    @pytest.fixture
    def world(self, store: Store) -> World:
        return make_world(store)
