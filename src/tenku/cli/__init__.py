"""The `tenku` command, one file a noun."""
