"""How the two worlds are compared; each objective works with any pool and any synthetic set."""
