"""Names of cases and raters as parts of file names."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.study import Case

_LONGEST = 60
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


def slug(text: str) -> str:
    """Return a text as part of a file name on any system: letters, digits, dots and dashes.

    ``Dr. Anna Müller`` becomes ``Dr.-Anna-Muller``; a text with nothing to keep becomes ``x``.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    kept = re.sub(r"-{2,}", "-", re.sub(r"[^A-Za-z0-9._-]+", "-", plain))
    name = kept.strip("-._")[:_LONGEST].strip("-._") or "x"
    return f"{name}-" if _RESERVED.fullmatch(name) else name


def case_stems(cases: Sequence[Case]) -> dict[str, str]:
    """Return for each case id the name that its files begin with.

    The slug of the title where no other case of the project has the same one (capitals apart),
    else with ``-`` and the case id behind it.
    """
    slugs = {case.case_id: slug(case.title) for case in cases}
    times = Counter(name.casefold() for name in slugs.values())
    return {
        case_id: name if times[name.casefold()] == 1 else f"{name}-{slug(case_id)}"
        for case_id, name in slugs.items()
    }
