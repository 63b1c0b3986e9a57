"""The database of jobs: what was accepted, whose turn it is, who holds it, what it took."""
