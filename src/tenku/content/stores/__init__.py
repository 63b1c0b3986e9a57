"""Stores: the places that builds are published to and pulled from. `open` makes one of an address."""
