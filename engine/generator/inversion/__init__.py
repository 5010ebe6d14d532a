"""Inversion: a picture's place in a model. See docs/inversion.md for its Python entries."""
