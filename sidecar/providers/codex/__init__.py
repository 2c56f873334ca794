"""OpenAI's Codex through `codex app-server`: JSON lines over stdio, without a `jsonrpc` member.

`wire` bytes to messages, `mapping` messages to drafts, `session` the shell; `binary` finds the
program, `version` says which are old, `catalog` and `settings` what it can be set to, `opening` how
a thread is opened, `turns` how one ends, `history` and `mcp` what else can be asked of it.
"""
