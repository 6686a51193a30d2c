"""The application without a window: who, which case, which draft, what may be seen."""
