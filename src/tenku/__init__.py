"""Tenku: a game cloud that you run on your own machines."""

__version__ = "0.1.0"
