"""OpenCode over HTTP and server-sent events: one shared `opencode serve` for many sessions.

`wire` bytes to events, `mapping` events to drafts, `server` the shared process and its event
stream, `inbox` what one session has of it, `http` the client, `session` the shell.
"""
