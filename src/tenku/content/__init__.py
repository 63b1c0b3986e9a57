"""Content: builds, channels and stores; publish a build once, and only what changed ever moves."""
