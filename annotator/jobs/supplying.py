"""Networks that users bring: looked at, understood, mapped to the project's labels, and kept.

Their files stay where they are; each is hashed, and a network whose files have changed since is not
used.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.analysis.dispute_words import group_words, label_name
from annotator.analysis.network_output import meaning_of
from annotator.api import no_progress
from annotator.api.network_cards import card_from
from annotator.api.networks import SuppliedNetwork
from annotator.domain.errors import AnnotatorError, IntegrityError, UnsuitableError
from annotator.domain.label_groups import MaskValues
from annotator.jobs.importing import not_asked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annotator.api import NetworkCard, NetworkFormat, Progress
    from annotator.domain.schema import LabelSchema
    from annotator.registry import Registry
    from annotator.store import Store

_CHUNK = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenNetwork:
    """A network on disk: nothing of it was kept, nothing was run.

    Attributes
    ----------
    card : NetworkCard
        As its files give it.
    files : tuple of Path
        All that it is made of.
    """

    path: Path
    format: str
    format_title: str
    card: NetworkCard
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundNetwork:
    """A network that a project could take.

    Attributes
    ----------
    suggested : tuple of (int, int)
        Outputs whose name a label of the schema has, and the value of that label.
    """

    path: Path
    format: str
    format_title: str
    card: NetworkCard
    suggested: tuple[tuple[int, int], ...]


def see(registry: Registry, path: str | Path) -> SeenNetwork:
    """Look at a file or folder; raises AnnotatorError where it holds no network, or is refused.

    Loads what the libraries of the format load: not for the window's process.
    """
    place = Path(path).expanduser().absolute()
    found = format_of(registry, place)
    card = _inspect(found, place)
    return SeenNetwork(
        path=place,
        format=found.name,
        format_title=found.title,
        card=card,
        files=tuple(found.files(place)),
    )


def fitted(seen: SeenNetwork, schema: LabelSchema) -> FoundNetwork:
    """Return what a project with these labels could take."""
    return FoundNetwork(
        path=seen.path,
        format=seen.format,
        format_title=seen.format_title,
        card=seen.card,
        suggested=map_labels(seen.card, schema),
    )


def format_of(registry: Registry, path: Path) -> NetworkFormat:
    """Return the first format that recognises a path; raises AnnotatorError where none does."""
    if not path.exists():
        raise AnnotatorError(f"there is no file or folder {str(path)!r}")
    known = registry.network_formats()
    for one in known:
        if one.recognises(path):
            return one
    titles = ", ".join(one.title for one in known)
    raise UnsuitableError(
        "; ".join(
            (
                f"{path.name} looks like no network that can be used. These can: {titles}; "
                "docs/models.md says what each needs",
                *not_asked(registry.broken_at("network_formats")),
            )
        )
    )


def supply(
    store: Store,
    seen: SeenNetwork,
    *,
    corrections: Mapping[str, object] | None = None,
    labels: Mapping[int, str] | None = None,
    licence_accepted_by: str,
    progress: Progress = no_progress,
    actor: str,
) -> SuppliedNetwork:
    """Take a network into a project.

    Parameters
    ----------
    corrections : mapping
        Fields of its card that the user knows better.
    labels : mapping
        What each output draws: its channel and the name, or the value, of a label of the schema;
        None maps by name, capitals apart.
    licence_accepted_by : str
        Who was shown the licence and accepted it; AnnotatorError where it is empty.
    """
    card = corrected(seen.card, corrections or {})
    schema = store.project().schema
    if labels is not None:
        card = _named_by(card, labels)
        values = explicit_labels(card, labels, schema)
    else:
        values = map_labels(card, schema)
    if not values:
        raise AnnotatorError(_nothing_maps(card, schema))
    require_exclusive(card, values, schema)
    if not licence_accepted_by.strip():
        raise AnnotatorError(
            f"{card.title}: its licence must be accepted first. {licence_words(card)}"
        )
    files = hash_files(seen.files, seen.path, progress)
    network = SuppliedNetwork(
        network_id=identity(seen.format, files),
        format=seen.format,
        path=str(seen.path),
        card=card,
        label_values=values,
        files=files,
        licence_accepted_by=licence_accepted_by,
        created_at="",
    )
    return store.put_network(network, actor=actor)


def require_exclusive(
    card: NetworkCard, label_values: Sequence[tuple[int, int]], schema: LabelSchema
) -> None:
    """Raise AnnotatorError where outputs that stand for themselves draw labels of several groups.

    Such a network may see two labels in one voxel; what is kept of it is one label a voxel.
    Outputs that compete exclude each other anyway.
    """
    values = MaskValues(schema)
    named = [channel for channel, _ in card.labels]
    meaning = meaning_of(card.activation, named, dict(label_values))
    groups = list(dict.fromkeys(values.group_of(value) for value in meaning.values))
    if not meaning.is_open or len(groups) < 2:
        return
    first = [one for one in label_values if values.group_of(one[1]) == groups[0]]
    example = ", ".join(f"{channel}={label_name(schema, value)}" for channel, value in first)
    listed = " and ".join(group_words(schema, group) for group in groups)
    raise AnnotatorError(
        f"{card.title} draws labels of several groups ({listed}) by outputs that do not exclude "
        "each other, and a reading by a network holds one label a voxel. Map the outputs of one "
        f"group only, for example {example}"
    )


def _inspect(found: NetworkFormat, path: Path) -> NetworkCard:
    try:
        return found.inspect(path)
    except (AnnotatorError, MemoryError):
        raise
    except Exception as error:  # a plugin may raise anything; its name must be told
        raise AnnotatorError(
            f"{found.title} failed on {path.name}: {type(error).__name__}: {error}"
        ) from error


def corrected(card: NetworkCard, corrections: Mapping[str, object]) -> NetworkCard:
    """Return a card with what the user knows better; raises AnnotatorError where it cannot be."""
    if not corrections:
        return card
    return card_from({**asdict(card), **corrections}, what="the corrected card")


def map_labels(card: NetworkCard, schema: LabelSchema) -> tuple[tuple[int, int], ...]:
    """Return outputs and the values of the labels of the same name, capitals apart."""
    values = {_plain(label.name): label.value for label in schema.labels}
    return tuple(
        (channel, values[_plain(name)]) for channel, name in card.labels if _plain(name) in values
    )


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").split())


def _named_by(card: NetworkCard, labels: Mapping[int, str]) -> NetworkCard:
    """Return a card whose outputs the user has named, where its files name none."""
    if card.labels:
        return card
    return corrected(card, {"labels": sorted(labels.items())})


def explicit_labels(
    card: NetworkCard, given: Mapping[int, str], schema: LabelSchema
) -> tuple[tuple[int, int], ...]:
    """Return outputs and values as the user says; raises AnnotatorError in words."""
    known = dict(card.labels)
    values = {_plain(label.name): label.value for label in schema.labels}
    found = []
    for channel, label in sorted(given.items()):
        if channel not in known:
            raise AnnotatorError(
                f"{card.title} has no output {channel}. It gives out: {_outputs(card)}"
            )
        value = values.get(_plain(label))
        if value is None and label.isdecimal() and int(label) in schema.values:
            value = int(label)
        if value is None:
            raise AnnotatorError(
                f"the schema has no label {label!r} for output {channel}. It has: {_named(schema)}"
            )
        found.append((channel, value))
    return tuple(found)


def _nothing_maps(card: NetworkCard, schema: LabelSchema) -> str:
    first = card.labels[0][0] if card.labels else 1
    label = schema.labels[0].name if schema.labels else "…"
    return (
        f"nothing that {card.title} draws has the name of a label of the project. It gives out: "
        f"{_outputs(card)}. The schema has: {_named(schema)}. Say what draws what, for example "
        f"{first}={label}"
    )


def _outputs(card: NetworkCard) -> str:
    return ", ".join(f"{channel} ({name})" for channel, name in card.labels) or "nothing by name"


def _named(schema: LabelSchema) -> str:
    return ", ".join(f"{label.name} ({label.value})" for label in schema.labels) or "no labels"


def licence_words(card: NetworkCard) -> str:
    """Return what a person must have read before a network is used."""
    if card.licence.strip():
        return f"Its licence: {card.licence.strip()}"
    return "Its files name no licence: ask its author whether you may use it"


def hash_files(
    files: Sequence[Path], path: Path, progress: Progress = no_progress
) -> tuple[tuple[str, str], ...]:
    """Return each file of what lies at a path, relative to its folder, and its SHA-256.

    Raises AnnotatorError where one cannot be read.
    """
    folder = path if path.is_dir() else path.parent
    total = max(1, sum(file.stat().st_size for file in files))
    done = 0
    hashes = []
    for file in files:
        digest = hashlib.sha256()
        try:
            with file.open("rb") as content:
                while chunk := content.read(_CHUNK):
                    digest.update(chunk)
                    done += len(chunk)
                    progress(min(1.0, done / total), f"checking {file.name}")
        except OSError as error:
            raise AnnotatorError(f"{file} cannot be read: {error.strerror or error}") from error
        hashes.append((file.relative_to(folder).as_posix(), digest.hexdigest()))
    return tuple(hashes)


def identity(format_name: str, files: Sequence[tuple[str, str]]) -> str:
    """Return the id of a network: SHA-256 over its format and its files."""
    text = "\n".join((format_name, *(f"{sha256}  {name}" for name, sha256 in files)))
    return hashlib.sha256(text.encode()).hexdigest()


def require_unchanged(
    registry: Registry, network: SuppliedNetwork, progress: Progress = no_progress
) -> NetworkFormat:
    """Return the format of a network whose files are those that were brought.

    Must be called before it is opened. Raises IntegrityError, naming the files, where they have
    changed or gone since.
    """
    found = registry.network_format(network.format)
    path = Path(network.path)
    if not path.exists():
        raise IntegrityError(
            f"{network.card.title} is no longer at {network.path}; put it back, or remove it from "
            "the project and add it from where it is now"
        )
    now = dict(hash_files(found.files(path), path, progress))
    before = dict(network.files)
    different = sorted(
        name for name in now.keys() | before.keys() if now.get(name) != before.get(name)
    )
    if different:
        raise IntegrityError(
            f"the files of {network.card.title} are not those that were added: "
            f"{', '.join(different[:5])} changed since, under {network.path}. If that is meant, "
            "add it again; readings of the old one stay under its own name"
        )
    return found
