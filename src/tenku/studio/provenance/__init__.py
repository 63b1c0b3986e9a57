"""Where a file came from, signed and in the file itself (C2PA)."""
