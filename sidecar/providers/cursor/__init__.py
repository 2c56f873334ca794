"""Cursor's agent: an ACP agent with extensions of its own (`cursor/…`)."""
