"""Pictures: what a model can do with them, and how its pipeline is called."""
