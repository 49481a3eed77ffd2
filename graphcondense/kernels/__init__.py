"""Kernels of infinitely wide networks, as pure functions, and ridge regression with them."""
