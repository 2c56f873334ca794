"""The demo provider: the ACP session with our own built-in agent as its program."""
