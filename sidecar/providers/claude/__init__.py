"""Claude Code, in two forms behind one name: its CLI, and its Agent SDK in a Node runner.

`forms` what is started and how it is told what the session is, `wire` lines to messages and control
requests, `mapping` messages to drafts, `session` the shell. Both forms speak the CLI's stream-json
control protocol on stdio, so that one wire and one mapping serve both.
"""
