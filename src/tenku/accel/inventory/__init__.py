"""Which operators a model asks for, at which shapes: taken from real classes on the meta device, kept as data."""
