"""Methods that train networks on the readings of a project, through the door that everyone uses.

Importing this package imports nothing heavy: each entry is loaded when it is first called, and
torch when something is first trained.
"""

from __future__ import annotations

from annotator.api import Plugin

plugin = Plugin(name="annotator_recipes")
