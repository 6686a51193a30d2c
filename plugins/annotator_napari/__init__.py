"""Fuse the Labels layers of a napari viewer with the engine of annotator."""
