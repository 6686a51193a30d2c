"""A network that a user brought reads cases; its predictions are annotations like any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.body_region import body_region, varied_region
from annotator.analysis.intensity import scale_in_place
from annotator.analysis.network_output import meaning_of
from annotator.analysis.network_space import network_space
from annotator.analysis.runs import encode, mask_dtype
from annotator.domain.errors import AnnotatorError, DeviceLostError
from annotator.jobs.network_running import RunningNetwork
from annotator.jobs.network_settings import NetworkSettings
from annotator.jobs.network_sinks import kept_map, together
from annotator.jobs.network_windows import WindowReader
from annotator.jobs.parameters import check_parameters
from annotator.jobs.predicting import rater_of_model
from annotator.jobs.supplying import require_exclusive, require_unchanged
from annotator.store.prediction_maps import PredictionMap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.network_output import OutputMeaning
    from annotator.analysis.network_space import NetworkSpace
    from annotator.api import NetworkCard, Progress, SuppliedNetwork
    from annotator.domain.reading import Annotation
    from annotator.domain.study import Case, Series
    from annotator.jobs.network_sinks import Seen
    from annotator.registry import Registry
    from annotator.store import Store

    Shape = tuple[int, int, int]

_SIDE_OF_VOLUMES = 96
_SIDE_OF_SLICES = 512
_SMALLEST_SIDE = 16
_N_SHOWN = 8
"""Letters of a network's id in the name of a reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkReading:
    """What came of a case: the annotation, and in words what a person should know of it.

    Attributes
    ----------
    device : str
        What it ran on in the end.
    n_windows, n_left_out : int
        Windows in all, and those that were left out for holding nothing.
    notes : tuple of str
        Where it fell back, and what was left out, a sentence each.
    """

    case: Case
    annotation: Annotation
    device: str
    n_windows: int
    n_left_out: int
    notes: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class _Count:
    """Windows of a case, over all networks."""

    n_windows: int = 0
    n_left_out: int = 0


class NetworkReader:
    """Networks that read case after case, together where there are several.

    Parameters
    ----------
    store, registry : Store, Registry
        The project, and the formats of networks.
    names : sequence of str
        Titles or ids of the networks.
    settings : NetworkSettings
        How they read.
    progress : callable
        Told while files are checked and opened.

    Raises AnnotatorError where one cannot be used.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        names: Sequence[str],
        settings: NetworkSettings,
        progress: Progress,
    ) -> None:
        self._store = store
        self._settings = settings
        self._networks = tuple(store.network(name) for name in names)
        schema = store.project().schema
        for network in self._networks:
            require_exclusive(network.card, network.label_values, schema)
        self._meanings = tuple(_meaning(network) for network in self._networks)
        self._require_alike()
        if len(self._networks) > 1:
            self._settings = settings.model_copy(update={"keep_maps": True})
        self._running: list[RunningNetwork] = []
        for network, meaning in zip(self._networks, self._meanings, strict=True):
            found = require_unchanged(registry, network, progress)
            progress(0.0, f"loading {network.card.title}")
            self._running.append(RunningNetwork(found, network, self._settings, meaning))
        self._n_told = [0] * len(self._running)

    @property
    def reader(self) -> str:
        """The name of the rater that stands for the networks; another version has another."""
        return " + ".join(network_reader(network) for network in self._networks)

    def read_case(self, case_id: str, progress: Progress, *, actor: str) -> NetworkReading:
        """Read a case; the same prediction again gives the annotation that exists.

        Nothing is kept until all of it is there. Raises AnnotatorError where a network does not fit
        the case.
        """
        case = self._store.study_case(case_id)
        try:
            return self._read(case, progress, actor=actor)
        except MemoryError:
            raise AnnotatorError(
                f"{case.title!r} is too large for the memory of this computer; keep_maps=false "
                "needs less"
            ) from None

    def _read(self, case: Case, progress: Progress, *, actor: str) -> NetworkReading:
        schema = self._store.project().schema
        series = self._store.series(case.series_ids[0])
        count = _Count()
        seen = []
        for number, running in enumerate(self._running):

            def report(
                fraction: float,
                message: str,
                *,
                number: int = number,
                running: RunningNetwork = running,
            ) -> None:
                done = (number + fraction) / len(self._running)
                told = f" ({running.notes[-1]})" if running.notes else ""
                progress(done, f"{case.title}: {message}{told}")

            seen.append(self._see(number, running, case, series, report, count))
        notes = [
            note
            for running, n_told in zip(self._running, self._n_told, strict=True)
            for note in running.notes[n_told:]
        ]
        self._n_told = [len(running.notes) for running in self._running]
        if count.n_left_out:
            notes.append(
                f"{count.n_left_out} of {count.n_windows} windows show nothing but air or the "
                "image's lowest value and were left out; skip_empty=false reads them too"
            )
        progress(1.0, f"{case.title}: keeping what was read")
        found = together(seen)
        rater = rater_of_model(self._store, self.reader, actor=actor)
        dtype = mask_dtype(max(schema.values, default=0))
        annotation = self._store.add_prediction(
            case.case_id,
            rater.rater_id,
            encode(found.mask(dtype)),
            maps_of(found),
            actor=actor,
        )
        return NetworkReading(
            case=case,
            annotation=annotation,
            device=", ".join(dict.fromkeys(one.device for one in self._running)),
            n_windows=count.n_windows,
            n_left_out=count.n_left_out,
            notes=tuple(notes),
        )

    def _see(
        self,
        number: int,
        running: RunningNetwork,
        case: Case,
        series: Series,
        progress: Progress,
        count: _Count,
    ) -> Seen:
        card = running.card
        space = network_space(
            series.geometry, orientation=card.orientation, spacing_mm=card.spacing_mm
        )
        progress(0.0, "getting the image ready")
        image, region = self._image(case, series, card, space, number)
        patch = first_patch(card, space.size)
        while True:
            reader = WindowReader(
                running, self._meanings[number], self._settings, space, image, region, patch
            )
            try:
                found = reader.read(progress)
            except MemoryError:
                smaller = smaller_patch(card, patch)
                if smaller is None:
                    raise AnnotatorError(
                        f"{card.title} needs more memory than {running.device} has, for windows of "
                        f"{_sides(patch, card)} voxels too. Close other programs that use it, or "
                        "set device=cpu"
                    ) from None
                running.notes.append(
                    f"{running.device} has too little memory for a window of "
                    f"{_sides(patch, card)} voxels: windows of {_sides(smaller, card)} were read "
                    "instead, which see less around each voxel"
                )
                patch = smaller
                continue
            except DeviceLostError as error:
                raise AnnotatorError(f"{card.title} could not go on: {error}") from error
            count.n_windows += reader.n_windows
            count.n_left_out += reader.n_left_out
            return found

    def _image(
        self, case: Case, series: Series, card: NetworkCard, space: NetworkSpace, number: int
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
        """Return the image ``(channel, z, y, x)`` as the network takes it in, and what to read."""
        channels = self._channels(case, series, card)
        image = np.empty((card.n_channels, *space.size), np.float32)
        region = None
        for channel, (own, voxels) in enumerate(channels):
            image[channel] = space.to_network(voxels)
            image[channel] *= np.float32(own.slope)
            image[channel] += np.float32(own.intercept)
            if channel == 0 and self._may_skip(number):
                is_ct = own.modality == "CT" and own.geometry.is_volume
                region = body_region(image[0]) if is_ct else varied_region(image[0])
            scale_in_place(image[channel], card.intensity)
        if card.n_channels > 1 or (region is not None and not region.any()):
            region = None
        return image, region

    def _may_skip(self, number: int) -> bool:
        """Whether leaving windows out can only mean that nothing is drawn there."""
        card, meaning = self._networks[number].card, self._meanings[number]
        return self._settings.skip_empty and (
            meaning.is_open or 0 not in {channel for channel, _ in card.labels}
        )

    def _channels(
        self, case: Case, series: Series, card: NetworkCard
    ) -> list[tuple[Series, NDArray[np.generic]]]:
        """Return what each channel is read from: the series' own, or one series each."""
        if series.n_channels == card.n_channels:
            voxels = self._store.voxels(series.series_id)
            if series.n_channels == 1:
                return [(series, voxels)]
            return [(series, voxels[..., channel]) for channel in range(series.n_channels)]
        every = [self._store.series(one) for one in case.series_ids]
        if len(every) != card.n_channels or any(one.n_channels != 1 for one in every):
            raise AnnotatorError(
                f"{card.title} takes in {card.n_channels} channels; {case.title!r} has "
                f"{series.n_channels} in {len(every)} series"
            )
        for other in every[1:]:
            different = series.geometry.differences(other.geometry)
            if different:
                raise AnnotatorError(
                    f"{card.title} takes in {card.n_channels} series on one grid; in "
                    f"{case.title!r} {different[0]}"
                )
        return [(one, self._store.voxels(one.series_id)) for one in every]

    def _require_alike(self) -> None:
        first = self._meanings[0].values
        for network, meaning in zip(self._networks, self._meanings, strict=True):
            if meaning.values != first:
                raise AnnotatorError(
                    f"{network.card.title} draws the label values {list(meaning.values)}, "
                    f"{self._networks[0].card.title} draws {list(first)}; networks that read "
                    "together must draw the same"
                )


def network_settings(given: Mapping[str, object]) -> NetworkSettings:
    """Return settings out of plain values; raises AnnotatorError in words."""
    found = check_parameters("reading with a network", NetworkSettings, given)
    return NetworkSettings.model_validate(found.model_dump())


def network_reader(network: SuppliedNetwork) -> str:
    """Return the name of the rater that stands for a network: two versions are two raters."""
    return f"{network.card.title} {network.network_id[:_N_SHOWN]}"


def maps_of(seen: Seen) -> tuple[PredictionMap, ...]:
    """Return how sure a network was as a project keeps it; nothing where it was not told."""
    if seen.chances is None or seen.unsure is None:
        return ()
    found = [PredictionMap("uncertainty", 0, encode(kept_map(seen.unsure)))]
    for value, chance in zip(seen.values, seen.chances[1:], strict=True):
        found.append(PredictionMap("probability", value, encode(kept_map(chance))))
    return tuple(found)


def first_patch(card: NetworkCard, size: Shape) -> Shape:
    """Return the windows to begin with: the card's, or such as fit the image and most memories."""
    if card.patch is not None:
        z, y, x = (1, *card.patch)[-3:]
        return z, y, x
    most = _SIDE_OF_VOLUMES if card.n_dims == 3 else _SIDE_OF_SLICES
    sides = [_rounded_up(min(side, most), card.multiple) for side in size]
    return sides[0] if card.n_dims == 3 else 1, sides[1], sides[2]


def smaller_patch(card: NetworkCard, patch: Shape) -> Shape | None:
    """Return windows of half the longest sides, or None where they would be too small."""
    least = max(_SMALLEST_SIDE, card.multiple)
    longest = max(patch)
    sides = [_rounded_up(side // 2, card.multiple) if side == longest else side for side in patch]
    if longest < 2 * least or max(sides) >= longest:
        return None
    return sides[0], sides[1], sides[2]


def _rounded_up(side: int, multiple: int) -> int:
    return max(1, -(-side // multiple)) * multiple


def _sides(patch: Shape, card: NetworkCard) -> str:
    return " × ".join(str(side) for side in patch[-card.n_dims :])


def _meaning(network: SuppliedNetwork) -> OutputMeaning:
    card = network.card
    if not network.label_values:
        raise AnnotatorError(f"{card.title} draws no label of the project")
    named = [channel for channel, _ in card.labels]
    return meaning_of(card.activation, named, dict(network.label_values))
