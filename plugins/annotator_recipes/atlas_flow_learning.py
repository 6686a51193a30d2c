"""Learning the way between a finished case and others, and going it. This module imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from annotator.analysis.propagation import folded_share, round_trip_mm
from annotator.api import Propagated
from annotator.domain.errors import AnnotatorError
from annotator_recipes.atlas_flow_net import FlowNet, flow_loss
from annotator_recipes.images import normalise_intensity
from annotator_recipes.torch_door import pick_device, seed_everything

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from annotator.api import PlacedImage, Progress
    from annotator.domain.geometry import Geometry
    from annotator_recipes.atlas_flow import AtlasFlowParameters

_LONGEST = {2: 128, 3: 48}
_BATCH = 2


class Frame:
    """The axes of a grid as those of the patient, as near as turning by right angles comes.

    Pictures and single slices stay as they are.
    """

    def __init__(self, geometry: Geometry) -> None:
        self.order, self.flips = (0, 1, 2), (False, False, False)
        if geometry.is_volume:
            # Rows: LPS z, y, x; columns: the array's z, y, x.
            toward = np.array(geometry.direction).reshape(3, 3)[::-1, ::-1]
            weights, order = np.abs(toward).copy(), [0, 0, 0]
            for _ in range(3):
                row, column = np.unravel_index(int(weights.argmax()), (3, 3))
                order[int(row)] = int(column)
                weights[row, :] = weights[:, column] = -1.0
            self.order = (order[0], order[1], order[2])
            signs = [bool(toward[row, column] < 0) for row, column in enumerate(order)]
            self.flips = (signs[0], signs[1], signs[2])
        z, y, x = (geometry.shape[axis] * geometry.spacing_mm[axis] for axis in self.order)
        self.extent_mm = (z, y, x)

    @property
    def _flipped(self) -> tuple[int, ...]:
        return tuple(axis for axis in range(3) if self.flips[axis])

    def laid(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return ``(z, y, x)`` along the axes of the patient."""
        return np.asarray(np.flip(values.transpose(self.order), self._flipped))

    def back(self, values: NDArray[Any]) -> NDArray[Any]:
        """Undo `laid`."""
        return np.asarray(np.flip(values, self._flipped).transpose(np.argsort(self.order)))


class FlowCarrier:
    """A finished case and a network that knows the ways from it."""

    def __init__(
        self, source: PlacedImage, mask: NDArray[np.unsignedinteger], settings: AtlasFlowParameters
    ) -> None:
        seed_everything(torch, settings.seed)
        self._device = pick_device(torch)
        self._n_dims = 3 if source.geometry.is_volume else 2
        frame = Frame(source.geometry)
        longest = settings.size or _LONGEST[self._n_dims]
        extent = np.array(frame.extent_mm[3 - self._n_dims :])
        sides = np.maximum(4, np.round(longest * extent / extent.max()))
        probe = FlowNet([int(side) for side in sides], settings.width)
        multiple = np.array(probe.multiple)
        self._sides = tuple(int(one) for one in np.ceil(sides / multiple) * multiple)
        self.network = FlowNet(self._sides, settings.width).to(self._device)
        self._settings = settings
        self._values = np.unique(np.append(mask.ravel(), 0))
        self._dtype = mask.dtype
        self._mask = frame.laid(mask)
        self._source = self.working(source)
        drawn = [self._label_map(place) for place in range(len(self._values))]
        self._labels = torch.cat([self._stretched(one) for one in drawn], dim=1)

    def _label_map(self, place: int) -> Tensor:
        inside = np.ascontiguousarray(self._mask == self._values[place], np.float32)
        return self._flat(torch.from_numpy(inside)).to(self._device)

    def _flat(self, values: Tensor) -> Tensor:
        """Return ``(z, y, x)`` as a batch ``(1, 1, [z,] y, x)``."""
        return values[None, None] if self._n_dims == 3 else values[None]

    def _stretched(self, values: Tensor) -> Tensor:
        """Return a batch at working size: averaged where it shrinks."""
        if all(old >= new for old, new in zip(values.shape[2:], self._sides, strict=True)):
            shrink: Any = functional.adaptive_avg_pool2d
            if self._n_dims == 3:
                shrink = functional.adaptive_avg_pool3d
            return torch.as_tensor(shrink(values, self._sides))
        mode = "bilinear" if self._n_dims == 2 else "trilinear"
        return functional.interpolate(values, size=self._sides, mode=mode, align_corners=False)

    def working(self, placed: PlacedImage) -> Tensor:
        """Return an image as the network sees it, ``(1, 1, [z,] y, x)``."""
        grey = placed.image if placed.image.ndim == 3 else placed.image[..., :3].mean(axis=-1)
        laid = Frame(placed.geometry).laid(normalise_intensity(np.asarray(grey, np.float32)))
        whole = torch.from_numpy(np.ascontiguousarray(laid, np.float32))
        return self._stretched(self._flat(whole).to(self._device))

    def learn(self, targets: Sequence[Tensor], progress: Progress) -> None:
        """Learn the ways to some images, without knowing what is drawn on them."""
        settings = self._settings
        random = np.random.default_rng(settings.seed)
        optimiser = torch.optim.Adam(self.network.parameters(), lr=settings.learning_rate)
        self.network.train()
        size = min(_BATCH, len(targets))
        for step in range(settings.rounds):
            progress(step / settings.rounds, f"learning the way, step {step + 1}")
            chosen = random.choice(len(targets), size, replace=False)
            batch = torch.cat([targets[int(one)] for one in chosen])
            loss = flow_loss(
                self.network,
                self._source.expand_as(batch),
                self._labels.expand(size, *self._labels.shape[1:]),
                batch,
                smoothness=settings.smoothness,
                cycle=settings.cycle,
            )
            if not torch.isfinite(loss):
                raise AnnotatorError(
                    "learning the way went astray: the loss is not a number; try a smaller "
                    "learning rate"
                )
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        self.network.eval()

    def ways(self, target: PlacedImage) -> tuple[Tensor, Tensor]:
        """Return the ways from the target to the finished case and back, in working voxels."""
        image = self.working(target)
        with torch.no_grad():
            return self.network(image, self._source), self.network(self._source, image)

    def carry(self, target: PlacedImage, progress: Progress) -> Propagated:
        """Go the way to another image and take the drawing along."""
        progress(0.0, "finding the way")
        frame = Frame(target.geometry)
        there, back = self.ways(target)
        spacing = np.array(frame.extent_mm[3 - self._n_dims :]) / self._sides
        steps = spacing.reshape(-1, *[1] * self._n_dims)
        going, coming = (one[0].cpu().numpy() * steps for one in (there, back))
        progress(0.3, "carrying the drawing")
        shape = tuple(target.geometry.shape[axis] for axis in frame.order)
        mask = self._drawn(there, shape)
        error = torch.from_numpy(round_trip_mm(going, coming, spacing.tolist()))
        fine = self._enlarged(error[None, None], shape)[0, 0].numpy().reshape(shape)
        progress(1.0, "carried")
        return Propagated(
            mask=np.ascontiguousarray(frame.back(mask).astype(self._dtype)),
            error_mm=np.ascontiguousarray(frame.back(fine), np.float32),
            folded=folded_share(going, spacing.tolist()),
        )

    def _enlarged(self, values: Tensor, shape: tuple[int, ...]) -> Tensor:
        mode = "bilinear" if self._n_dims == 2 else "trilinear"
        size = shape[3 - self._n_dims :]
        return functional.interpolate(values, size=size, mode=mode, align_corners=False)

    def _drawn(self, there: Tensor, shape: tuple[int, ...]) -> NDArray[np.unsignedinteger]:
        """Return the label that most of each voxel comes from, ``shape``."""
        sides = shape[3 - self._n_dims :]
        lines = [(torch.arange(side, device=self._device) + 0.5) * 2 / side - 1 for side in sides]
        stay = torch.stack(torch.meshgrid(*lines, indexing="ij"), dim=-1)
        half = torch.tensor(self._sides, device=self._device) / 2
        moved = self._enlarged(there, shape)[0].movedim(0, -1) / half
        at = (stay + moved).flip(-1)[None]
        best = torch.full(sides, -1.0, device=self._device)
        chosen = np.zeros(sides, self._dtype)
        for place in range(len(self._values)):
            share = functional.grid_sample(
                self._label_map(place), at, padding_mode="border", align_corners=False
            )[0, 0]
            is_more = share > best
            chosen[is_more.cpu().numpy()] = self._values[place]
            best = torch.where(is_more, share, best)
        return chosen.reshape(shape)


def learn_flow(
    source: PlacedImage,
    mask: NDArray[np.unsignedinteger],
    targets: Sequence[PlacedImage],
    settings: AtlasFlowParameters,
    progress: Progress,
) -> FlowCarrier:
    """Return a carrier that has learned the ways to the targets."""
    if not targets:
        raise AnnotatorError("there is no image to learn the way to")
    progress(0.0, "taking the finished case in")
    carrier = FlowCarrier(source, mask, settings)
    carrier.learn([carrier.working(one) for one in targets], progress)
    progress(1.0, "learned the way")
    return carrier
