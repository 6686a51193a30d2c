"""Tracings on the screen: a tree over its volume, in slabs and in 3D."""
