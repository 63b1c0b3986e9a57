"""Style profiles: what all assets of a set share."""
