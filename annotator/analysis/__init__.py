"""Pure functions on arrays, runs and trees."""
