"""What a device makes of a model's operators: whether they run there, how exact they are, and how fast."""
