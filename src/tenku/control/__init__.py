"""Control: what is remembered and decided for all machines: jobs, who asked for them, whose turn it is."""
