"""One supervised process tree: how it is launched, fenced in, limited and ended."""
