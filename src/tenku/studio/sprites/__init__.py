"""Sprites: cut out, trimmed, packed, quantised, checked, with import files for engines. Needs numpy and pillow."""
