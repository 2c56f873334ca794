"""OpenAI's Codex through `codex app-server`: JSON lines over stdio, without a `jsonrpc` member.

`wire` bytes to messages, `mapping` messages to drafts, `session` the shell. `binary` and `launch`
say what is run, `version` what is too old, `opening` how a thread is opened, `catalog` and
`settings` what it can be set to, `sending` how turns start, `guard` and `ends` how they end,
`asking` who answers, `history` and `mcp` what else can be asked of it; `probe` needs no session.
"""
