"""Adjacency operators, sampling, budgets and segments: the numerical floor of the package."""
