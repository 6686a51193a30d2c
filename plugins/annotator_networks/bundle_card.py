"""What the files of a MONAI bundle say of its network: labels, spacing, intensity, windows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from annotator.api.network_cards import card_from
from annotator_networks.bundle_config import NotPlainError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annotator.api import NetworkCard
    from annotator_networks.bundle_config import Config

_NEUTRAL = {
    "LoadImage", "EnsureChannelFirst", "EnsureType", "ToTensor", "CastToType", "AddChannel",
    "AsChannelFirst", "ToDevice", "SelectItems", "DeleteItems", "Identity", "SqueezeDim", "ToNumpy",
}  # fmt: skip
"""Steps that bring an image into memory and change none of its values."""
_MULTIPLE = re.compile(r"(\d+)\s*\*\s*n")


@dataclass(slots=True)
class _Facts:
    """What has been understood so far; ``left_out`` are steps that are not done again, in words."""

    n_dims: int
    values: dict[str, Any] = field(default_factory=dict)
    intensity: dict[str, Any] = field(default_factory=lambda: {"scaling": "none"})
    left_out: list[str] = field(default_factory=list)


def bundle_card(
    metadata: Mapping[str, Any],
    config: Config,
    network: Mapping[str, Any],
    *,
    name: str,
    licence: str,
) -> NetworkCard:
    """Return the card of a bundle.

    Parameters
    ----------
    metadata : mapping
        Of ``metadata.json``.
    config : Config
        Of ``inference.json``.
    network : mapping
        Its ``network_def``, plain; empty where the network is a program of its own.
    name : str
        The folder's, used as title where the files give none.
    licence : str
        The text of its licence file.
    """
    taken, given = _formats(metadata)
    n_dims = _n_dims(network, taken)
    facts = _Facts(n_dims)
    _read_steps(config, facts)
    _read_windows(config, taken, facts)
    n_out = network.get("out_channels", given.get("num_channels"))
    facts.values["activation"] = _activation(config, n_out)
    labels = _labels(given)
    text = {
        "trained_on": metadata.get("data_source"),
        "source": _joined(metadata.get("authors"), metadata.get("references")),
        "licence": licence or metadata.get("license") or metadata.get("licence"),
        "intended_use": metadata.get("intended_use"),
        "limits": _limits(facts),
    }
    return card_from(
        {
            "title": str(metadata.get("name") or name)[:100],
            "n_dims": n_dims,
            "n_channels": network.get("in_channels", taken.get("num_channels", 1)),
            "labels": labels,
            "intensity": facts.intensity,
            "axes": "xyz",
            **facts.values,
            **{key: str(value)[:20_000] for key, value in text.items() if value},
        },
        what=name,
    )


def _formats(metadata: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what metadata says of the first image taken in, and of the first given out."""
    told = metadata.get("network_data_format")
    found = []
    for side in ("inputs", "outputs"):
        entries = told.get(side) if isinstance(told, dict) else None
        first: Any = next(iter(entries.values()), None) if isinstance(entries, dict) else None
        found.append(first if isinstance(first, dict) else {})
    return found[0], found[1]


def _n_dims(network: Mapping[str, Any], taken: Mapping[str, Any]) -> Any:  # noqa: ANN401
    told = network.get("spatial_dims", network.get("dimensions"))
    shape = taken.get("spatial_shape")
    return told if told is not None else len(shape) if isinstance(shape, list) else 3


def _labels(given: Mapping[str, Any]) -> list[list[Any]]:
    told = given.get("channel_def")
    if not isinstance(told, dict):
        return []
    return [
        [int(channel), str(name)]
        for channel, name in told.items()
        if str(channel).isdecimal() and str(name).strip().casefold() not in ("background", "")
    ]


def _joined(*parts: Any) -> str:  # noqa: ANN401 - texts and lists of them
    flat = [one for part in parts for one in (part if isinstance(part, list) else [part]) if one]
    return "\n".join(str(one) for one in flat)


def _limits(facts: _Facts) -> str:
    if not facts.left_out:
        return ""
    return "Not done before reading as its author did: " + "; ".join(facts.left_out) + "."


def _read_steps(config: Config, facts: _Facts) -> None:
    """Take spacing, orientation and intensity from the steps before reading."""
    for step in _steps(config, "preprocessing", facts):
        name = str(step.get("_target_", "")).rpartition(".")[2].removesuffix("d")
        name = name.removesuffix("D").removesuffix("Dict")
        if name in _NEUTRAL or step.get("_disabled_") is True:
            continue
        reader = _STEPS.get(name)
        try:
            left_out = f"{name} is not known" if reader is None else reader(step, facts)
        except (TypeError, ValueError, KeyError, ZeroDivisionError):
            left_out = f"{name} has values that are not understood"
        if left_out:
            facts.left_out.append(left_out)


def _steps(config: Config, name: str, facts: _Facts) -> list[dict[str, Any]]:
    raw = config.raw(name)
    listed = raw.get("transforms") if isinstance(raw, dict) else raw
    found = []
    for step in listed if isinstance(listed, list) else []:
        try:
            plain = config.plain(step)
        except NotPlainError as error:
            target = step.get("_target_", "a step") if isinstance(step, dict) else "a step"
            facts.left_out.append(f"{target}: {error}")
            continue
        if isinstance(plain, dict):
            found.append(plain)
        elif plain is not None:
            facts.left_out.append("a step that is no transform")
    if isinstance(listed, str):
        facts.left_out.append(f"{name} is a program, which is not run")
    return found


def _orientation(step: dict[str, Any], facts: _Facts) -> str:
    codes = str(step["axcodes"]).upper()
    if facts.n_dims == 3 and len(codes) == 3:
        order = ["".join(sorted(one for one in "xyz" if letter in _SIDES[one])) for letter in codes]
        if order == ["x", "y", "z"]:
            facts.values["orientation"] = codes
            return ""
        if order == ["z", "y", "x"]:
            facts.values.update(orientation=codes[::-1], axes="zyx")
            return ""
    return f"images are turned to {codes}"


_SIDES = {"x": "RL", "y": "AP", "z": "SI"}


def _spacing(step: dict[str, Any], facts: _Facts) -> str:
    pixdim = step["pixdim"]
    sides = [float(one) for one in (pixdim if isinstance(pixdim, list) else [pixdim] * 3)]
    if len(sides) < facts.n_dims or any(one <= 0 for one in sides[: facts.n_dims]):
        return f"images are brought to a spacing of {pixdim}"
    sides = sides[: facts.n_dims]
    ordered = sides if facts.values.get("axes") == "zyx" else sides[::-1]
    facts.values["spacing_mm"] = ordered if facts.n_dims == 3 else [None, *ordered]
    return ""


def _range(step: dict[str, Any], facts: _Facts) -> str:
    low, high = float(step["a_min"]), float(step["a_max"])
    bottom, top = _ends(step, "b_min", "b_max")
    scale = (high - low) / (top - bottom)
    zero = low - bottom * scale
    facts.intensity = {"scaling": "range", "low": zero, "high": zero + scale}
    if step.get("clip"):
        facts.intensity["clip"] = [low, high]
    return ""


def _percentiles(step: dict[str, Any], facts: _Facts) -> str:
    facts.intensity = {
        "scaling": "percentiles",
        "low": float(step["lower"]),
        "high": float(step["upper"]),
    }
    if _ends(step, "b_min", "b_max") != (0.0, 1.0):
        return f"values are brought to {step.get('b_min')} … {step.get('b_max')}, not 0 … 1"
    return "values beyond the percentiles are cut off" if step.get("clip") else ""


def _min_max(step: dict[str, Any], facts: _Facts) -> str:
    if step.get("factor") is not None or _ends(step, "minv", "maxv") != (0.0, 1.0):
        return "values are scaled otherwise than to 0 … 1"
    facts.intensity = {"scaling": "percentiles", "low": 0.0, "high": 100.0}
    return ""


def _ends(step: Mapping[str, Any], low: str, high: str) -> tuple[float, float]:
    bottom, top = step.get(low, 0.0), step.get(high, 1.0)
    return (0.0 if bottom is None else float(bottom), 1.0 if top is None else float(top))


def _z_score(step: dict[str, Any], facts: _Facts) -> str:
    clip = facts.intensity.get("clip")
    was_scaled = facts.intensity["scaling"] != "none"
    facts.intensity = {"scaling": "z-score"} | ({"clip": clip} if clip else {})
    mean, deviation = step.get("subtrahend"), step.get("divisor")
    if isinstance(mean, int | float) and isinstance(deviation, int | float):
        if was_scaled:
            return "values are scaled twice"
        facts.intensity |= {"mean": float(mean), "deviation": float(deviation)}
    elif mean is not None or deviation is not None:
        return "each channel is scaled by numbers of its own"
    if step.get("nonzero"):
        return "mean and deviation are those of the voxels that are not 0"
    return ""


_STEPS: dict[str, Callable[[dict[str, Any], _Facts], str]] = {
    "Orientation": _orientation,
    "Spacing": _spacing,
    "ScaleIntensityRange": _range,
    "ScaleIntensityRangePercentiles": _percentiles,
    "ScaleIntensity": _min_max,
    "NormalizeIntensity": _z_score,
}


def _read_windows(config: Config, taken: Mapping[str, Any], facts: _Facts) -> None:
    """Take the side of the windows and their overlap from the inferer."""
    try:
        inferer = config.get("inferer")
    except NotPlainError as error:
        inferer = None
        facts.left_out.append(f"inferer: {error}")
    inferer = inferer if isinstance(inferer, dict) else {}
    multiples = [
        int(found[1])
        for side in taken.get("spatial_shape") or []
        if isinstance(side, str) and (found := _MULTIPLE.fullmatch(side.strip()))
    ]
    if multiples:
        facts.values["multiple"] = max(multiples)
    if not str(inferer.get("_target_", "")).endswith("SlidingWindowInferer"):
        return
    sides = inferer.get("roi_size")
    sides = [sides] * facts.n_dims if isinstance(sides, int) else sides
    if isinstance(sides, list) and all(isinstance(one, int) and one > 0 for one in sides):
        facts.values["patch"] = sides if facts.values.get("axes") == "zyx" else sides[::-1]
    overlap = inferer.get("overlap", 0.25)
    if isinstance(overlap, int | float):
        facts.values["overlap"] = float(overlap)


def _activation(config: Config, n_out: Any) -> str:  # noqa: ANN401 - whatever the files say
    after = _steps(config, "postprocessing", _Facts(3))
    for step in after:
        if str(step.get("_target_", "")).rpartition(".")[2].startswith("Activations"):
            if step.get("sigmoid") is True:
                return "sigmoid"
            if step.get("softmax") is True:
                return "softmax"
    return "sigmoid" if n_out == 1 else "softmax"
