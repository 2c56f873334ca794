"""Cursor's agent: an ACP agent with extensions of its own (`cursor/…`).

`mapping` what the extensions mean, `session` its command and login, `probe` what is installed.
"""
