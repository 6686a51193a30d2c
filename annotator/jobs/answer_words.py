"""Sentences about the answers of a diagnosis form, for a reviewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def describe_answers(
    said: Mapping[str, str],
    *,
    held: Sequence[str],
    probability: float,
    ends: tuple[str, str] | None,
    difficulty: float,
) -> str:
    """Return one sentence about the answers to a question on a case.

    Parameters
    ----------
    said : mapping
        Title of each rater's answer, by name.
    held : sequence of str
        The most probable answers: several in a tie.
    probability : float
        Of one of those, 0 to 1.
    ends : tuple of str or None
        The lowest and the highest answer given, where they have an order.
    difficulty : float
        How likely a rater of mean ability is to be wrong here, 0 to 1.
    """
    by_answer: dict[str, list[str]] = {}
    for name in sorted(said):
        by_answer.setdefault(said[name], []).append(name)
    groups = sorted(by_answer.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    told = "; ".join(
        f"{_list(who)} {'says' if len(who) == 1 else 'say'} “{answer}”" for answer, who in groups
    )
    if len(groups) == 1:
        return told
    if len(held) > 1:
        told += f"; nothing tells {_list([f'“{one}”' for one in held])} apart"
    else:
        told += f"; “{held[0]}” is held with {probability:.0%}"
    if ends is not None:
        told += f", between “{ends[0]}” at the most specific and “{ends[1]}” at the most sensitive"
    return f"{told}; a rater like these errs here in {difficulty:.0%}"


def _list(words: Sequence[str]) -> str:
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} and {words[-1]}"
