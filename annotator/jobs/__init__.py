"""Work that outlives a click: one handler a kind, and what runs them."""
