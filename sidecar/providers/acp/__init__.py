"""Any agent that speaks the Agent Client Protocol (JSON-RPC 2.0 lines over stdio).

`wire` bytes to messages, `mapping` messages to drafts, `offers` what the agent can be set to,
`session` the shell. What differs between agents is handled by rules on shapes, never by names.
"""
