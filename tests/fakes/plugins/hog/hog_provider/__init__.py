"""A provider whose session code eats memory."""
