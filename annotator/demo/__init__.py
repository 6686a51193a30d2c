"""The sample project: built, worked through and shown."""
