"""The command for models: what there is, with cards, and networks that a user brings."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from annotator.cli.command import Result
from annotator.cli.readings import parse_settings
from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.jobs.supplying import licence_words
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from annotator.api import Progress, SuppliedNetwork
    from annotator.jobs.supplying import FoundNetwork
    from annotator.session.models import ModelEntry


def models(arguments: argparse.Namespace, progress: Progress) -> Result:
    """List models; ``--add`` brings one, ``--show`` tells its card, ``--remove`` takes it away."""
    _check(arguments)
    with Session.open(arguments.project) as session:
        if arguments.add:
            return _add(session, arguments, progress)
        if arguments.remove:
            network = session.store.network(arguments.remove)
            session.remove_network(network.network_id)
            line = f"{network.card.title} is no longer a model of the project; its files stay."
            return Result(document={"removed": network.network_id}, lines=(line,))
        found = session.models()
        if arguments.curve:
            entry = _named(found, arguments.show)
            if entry.kind != "trained":
                raise AnnotatorError(f"{entry.title} was not trained here: it has no curve")
            path = session.save_curve_of_model(entry.key, arguments.curve)
            line = f"The curve of {entry.title} is in {path}."
            return Result(document={"key": entry.key, "curve": str(path)}, lines=(line,))
    if arguments.show:
        entry = _named(found, arguments.show)
        lines = [f"{entry.title} ({entry.kind})"]
        for heading, words in entry.card:
            lines += [f"{heading}:", *(f"  {line}" for line in words.splitlines())]
        return Result(document=_document(entry), lines=tuple(lines))
    return Result(
        document={"models": [_document(entry) for entry in found]},
        lines=tuple(f"{entry.kind}: {entry.title}: draws {entry.draws}" for entry in found),
    )


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what says two things at once, or nothing."""
    ways = [name for name in ("add", "show", "remove") if getattr(arguments, name)]
    if len(ways) > 1:
        raise AnnotatorError(f"give one of --{' and --'.join(ways)}, not both")
    for name, given in (
        ("--label", arguments.labels),
        ("--set", arguments.settings),
        ("--accept-licence", arguments.accept_licence),
    ):
        if given and not arguments.add:
            raise AnnotatorError(f"{name} is for --add")
    if arguments.curve and not arguments.show:
        raise AnnotatorError("--curve is for --show NAME: the model whose curve is wanted")


def _add(session: Session, arguments: argparse.Namespace, progress: Progress) -> Result:
    """Take a network in; where its licence is not accepted yet, tell it and fail."""
    labels = parse_labels(arguments.labels) if arguments.labels else None
    if not arguments.accept_licence:
        found = session.look_at_network(arguments.add)
        return Result(
            document={**_found_document(found), "added": False},
            lines=tuple(_found_lines(found)),
            error=(
                "nothing was added yet: read the licence above, and give --accept-licence where "
                "you may and will follow it"
            ),
        )
    network = session.supply_network(
        arguments.add,
        licence_accepted_by=_account(),
        corrections=parse_settings(arguments.settings),
        labels=labels,
        progress=progress,
    )
    names = {label.value: label.name for label in session.project().schema.labels}
    drawn = ", ".join(names[value] for _, value in network.label_values)
    lines = (
        f"{network.card.title} is a model of the project and draws {drawn}. Let it read cases "
        f"with: annotator predict {arguments.project} --network {network.network_id[:12]}",
    )
    return Result(document={**_network_document(network), "added": True}, lines=lines)


def _account() -> str:
    """Return the name of the account that the program runs under."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise AnnotatorError(
            "it cannot be known who accepts the licence: this account has no name; set USER"
        ) from error


def parse_labels(given: Sequence[str]) -> dict[int, str]:
    """Return ``OUTPUT=LABEL`` words as labels by output."""
    labels: dict[int, str] = {}
    for word in given:
        output, equals, label = word.partition("=")
        if not equals or not label or not output.isdecimal():
            raise AnnotatorError(f"--label needs OUTPUT=LABEL, for example 2=Tumour, not {word!r}")
        labels[int(output)] = label
    return labels


def _named(found: Sequence[ModelEntry], name: str) -> ModelEntry:
    """Return a model by its title, its name, or the first characters of its id."""
    exact = [entry for entry in found if name in (entry.title, entry.key)]
    meant = exact or [entry for entry in found if entry.key.startswith(name)]
    if len(meant) != 1:
        raise UnknownNameError("model", name, (entry.title for entry in found))
    return meant[0]


def _document(entry: ModelEntry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "key": entry.key,
        "title": entry.title,
        "draws": entry.draws,
        "trained_on": entry.trained_on,
        "licence": entry.licence,
        "card": dict(entry.card),
        "n_cases_read": len(entry.read),
        "last_used": entry.last_used,
    }


def _network_document(network: SuppliedNetwork) -> dict[str, Any]:
    return {
        "network": network.network_id,
        "format": network.format,
        "path": network.path,
        "card": asdict(network.card),
        "label_values": [list(pair) for pair in network.label_values],
        "files": dict(network.files),
        "licence_accepted_by": network.licence_accepted_by,
    }


def _found_document(found: FoundNetwork) -> dict[str, Any]:
    return {
        "format": found.format,
        "path": str(found.path),
        "card": asdict(found.card),
        "label_values": [list(pair) for pair in found.suggested],
    }


def _found_lines(found: FoundNetwork) -> list[str]:
    card = found.card
    outputs = ", ".join(f"{channel} ({name})" for channel, name in card.labels)
    told = (
        ("What it draws", outputs or "its files do not say; name its outputs with --label"),
        ("Trained on", card.trained_on),
        ("Intended use", card.intended_use),
        ("Limits", card.limits),
        ("Source", card.source),
    )
    lines = [f"{card.title} ({found.format_title}, {card.n_dims}D)"]
    lines += [f"{heading}: {words or 'its files do not say'}" for heading, words in told]
    return [*lines, *licence_words(card).splitlines()]
