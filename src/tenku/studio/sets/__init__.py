"""Asset sets: what was made together, and what people said of it."""
