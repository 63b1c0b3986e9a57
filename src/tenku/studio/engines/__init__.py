"""Engines: one file each, and one line in `tenku.studio.registry`."""
