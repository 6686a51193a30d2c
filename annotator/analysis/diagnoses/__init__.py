"""One answer out of those that several raters gave, and who of them is how reliable."""
