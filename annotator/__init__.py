"""Multi-rater medical image annotation: draw, fuse, adjudicate."""

__version__ = "0.1.0"
