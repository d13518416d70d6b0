"""Small public data sets, by name."""
