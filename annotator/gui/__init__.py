"""The window: panels that take a session, own nothing and know no other panel."""
