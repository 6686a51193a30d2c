"""Networks that a user brings: their formats, and the models that follow prompts.

Importing this package imports nothing heavy: each entry is loaded when it is first called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.api import Plugin

if TYPE_CHECKING:
    from annotator.api import NetworkFormat


def _torchscript() -> NetworkFormat:
    from annotator_networks.torchscript import TorchScriptFormat

    return TorchScriptFormat()


plugin = Plugin(name="annotator_networks", network_formats=(_torchscript,))
