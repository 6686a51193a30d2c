"""Networks that a user brings: their formats, and the models that follow prompts.

Importing this package imports nothing heavy: each entry is loaded when it is first called.
"""

from __future__ import annotations

from annotator.api import Plugin

plugin = Plugin(name="annotator_networks")
