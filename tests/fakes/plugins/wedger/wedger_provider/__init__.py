"""A provider that wedges its host."""
