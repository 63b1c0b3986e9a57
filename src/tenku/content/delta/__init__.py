"""Run deltas: stretches of new bytes written as what changed against the old build."""
