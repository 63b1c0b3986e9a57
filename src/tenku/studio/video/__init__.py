"""Videos of up to ten seconds: how many frames, in which pieces, and whether the pieces fit."""
