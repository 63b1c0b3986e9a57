"""Recipes: what a writer or designer asks for, turned into jobs, and what came back, checked."""
