"""Which cases a rater reads without a model: fixed, balanced, and not to be guessed."""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from typing import TYPE_CHECKING

from annotator.domain.quality import WithoutModelRule

if TYPE_CHECKING:
    from annotator.store import Store

BLOCK = 10
"""Cases among which a rater's share is kept."""


def reads_without_model(store: Store, case_id: str, rater_id: str) -> bool:
    """Return whether the rule of the project keeps models from a rater on a case, not a repeat.

    It is the same at every call, whatever cases and raters come later; a larger share only adds
    to the cases of a smaller one.
    """
    rule = store.rule(WithoutModelRule)
    if rule is None or not rule.share:
        return False
    project = store.project()
    case_ids = [case.case_id for case in store.every_case()]
    people = [rater.rater_id for rater in store.raters() if not rater.is_model]
    key = f"{project.project_id}:{project.seed}".encode()
    return draw_place(key, case_ids.index(case_id), people.index(rater_id)) < rule.share


def draw_place(key: bytes, case_number: int, rater_number: int) -> float:
    """Return where a case falls for a rater, 0 to 1, by a hash with a key (HMAC, RFC 2104).

    Cases are shuffled in blocks and fall evenly over the range within each (permuted blocks, as
    in clinical trials): of every ten cases, a rater's share is off by less than one. Raters are
    turned against each other by van der Corput's sequence, so that of any two who read a case
    at a share of one half, one reads it without a model.
    """
    block, own = divmod(case_number, BLOCK)
    turn = _draw(key, "turn", block) + _van_der_corput(rater_number)
    return (_order(key, block).index(own) / BLOCK + turn) % 1.0


@lru_cache(maxsize=1024)
def _order(key: bytes, block: int) -> tuple[int, ...]:
    return tuple(sorted(range(BLOCK), key=lambda at: _draw(key, "order", block, at)))


def _draw(key: bytes, *names: object) -> float:
    text = "\0".join(map(str, names)).encode()
    return int.from_bytes(hmac.digest(key, text, hashlib.sha256)[:6], "big") / 2**48


def _van_der_corput(number: int) -> float:
    """Return the number's binary digits mirrored at the point: 0, 1/2, 1/4, 3/4, 1/8 and so on."""
    found, weight = 0.0, 0.5
    while number:
        found += weight * (number & 1)
        number >>= 1
        weight /= 2
    return found
