"""The command line: the engine without a window. Nothing heavy is imported before it is needed."""

from annotator.cli.run import main

__all__ = ["main"]
