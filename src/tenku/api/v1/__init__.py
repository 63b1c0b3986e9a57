"""OpenAI's API: one file a noun."""
