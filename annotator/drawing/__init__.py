"""Drawing tools on arrays: brush, eraser, polygon, fill; no Qt, no files."""
