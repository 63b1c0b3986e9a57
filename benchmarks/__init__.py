"""Measurements, side by side with a peer from the same run. Nothing here is a test: numbers depend on the machine."""
