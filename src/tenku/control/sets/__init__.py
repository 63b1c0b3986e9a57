"""Asset sets in the database of jobs."""
