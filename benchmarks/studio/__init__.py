"""The studio: our server beside llama.cpp itself, Wan beside plain diffusers, estimates, cache, sheets."""
