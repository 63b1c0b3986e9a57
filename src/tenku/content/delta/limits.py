"""How large things of a delta may be: what publishers keep to and pullers insist on."""

RUN = 2 << 20
"""Bytes of a run. 4 and 8 MiB made deltas 1 to 3 % smaller, at twice the memory and up to a third more time."""

REGION = 16 << 20
"""Most old bytes that one run is written against: what a puller holds in memory for it."""

NEW = 16 << 20
"""Most bytes that one patch may make. More than `RUN` only where a single chunk is longer."""

OBJECT = 64 << 20
"""About where a publisher begins another delta object, as objects pass through memory whole."""

HEADER = 8 << 20
"""Most bytes of a header as stored."""

HEADER_PLAIN = 32 << 20
"""Most bytes of a header after decompression."""

PARTS = 1 << 17
"""Most parts of a delta."""

PATH = 4096
"""Most bytes of a path."""

PREFIX = 8
"""Bytes of a chunk's hash that name it inside a delta: its whole hash is in the manifest, and checked by it."""

CHECK = 16
"""Bytes of the hashes of regions and payloads inside a delta. Finding other bytes for one takes 2^128 tries."""
