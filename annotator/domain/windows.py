"""Grey-level windows that clinicians know by name."""

from __future__ import annotations

from annotator.domain.study import Window

CT_WINDOWS = (
    Window(name="soft tissue", level=50, width=400),
    Window(name="lung", level=-600, width=1500),
    Window(name="mediastinum", level=40, width=350),
    Window(name="bone", level=400, width=1800),
    Window(name="brain", level=40, width=80),
    Window(name="stroke", level=35, width=40),
    Window(name="subdural", level=75, width=215),
    Window(name="abdomen", level=60, width=400),
    Window(name="liver", level=80, width=160),
    Window(name="angiography", level=300, width=600),
    Window(name="temporal bone", level=600, width=2800),
)
"""Level and width in HU."""
PET_WINDOWS = (
    Window(name="SUV 0 to 5", level=2.5, width=5),
    Window(name="SUV 0 to 10", level=5, width=10),
)
"""Level and width in SUV; of use only where the series is scaled to SUV."""


def presets_for(modality: str, units: str = "") -> tuple[Window, ...]:
    """Return the presets that suit a DICOM modality; none where grey levels have no fixed scale.

    Parameters
    ----------
    modality : str
        ``CT``, ``MR``, ``PT``…
    units : str
        What a grey value is measured in; PET presets are offered for ``SUV`` alone.
    """
    if modality == "CT":
        return CT_WINDOWS
    if modality == "PT" and units.upper().startswith("SUV"):
        return PET_WINDOWS
    return ()
