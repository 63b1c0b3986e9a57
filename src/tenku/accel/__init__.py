"""Accel: what devices are here, and what they can run."""
