"""One package a provider: wire (bytes to messages), mapping (messages to drafts), session.

`base` says what a provider is, `registry` which ones there are. Never imports the host.
"""
