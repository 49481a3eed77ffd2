"""The kinds of data: a file for each, which registers it by its name."""
