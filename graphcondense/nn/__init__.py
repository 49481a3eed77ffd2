"""Learners: networks whose weights live outside them."""
