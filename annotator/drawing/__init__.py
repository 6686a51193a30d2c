"""Pure drawing on arrays: tools and the edits that they make."""
