"""The two forms of Claude: what is started, and how it is told what the session is.

**CLI** (the default): `claude -p --input-format stream-json …`; the session's parameters are
arguments, but for what may be secret or large (MCP servers, prompts, agents): that goes over stdio.

**Runner** (start option `runner {command, args?, env?}`): any program that speaks the same protocol
on stdio; electron-glue ships one that calls the Agent SDK's `query()` in Node. It is started in the
session's cwd with the session's environment, which is all that the SDK's child needs: the runner
hands its own `process.env` on, untouched (AGENT_SIDECAR_MARKS are in it). The contract, version 1:

1. One JSON object a line, UTF-8, on stdin and stdout; nothing else on stdout; words on stderr.
2. The first line to the runner is the CLI's initialize request, with the session in it:

       {"type": "control_request", "request_id": "…", "request": {
           "subtype": "initialize", "hooks": null,
           "session": {"contract": 1, "options": {…}}}}

   `options` is to be handed to `query({prompt, options})` as it is, under what the runner adds
   (`canUseTool`, `stderr`, `abortController`, `env: process.env`). Keys, all of the SDK's own
   spelling, all optional but the first four: cwd, permissionMode, includePartialMessages (true),
   includeHookEvents, allowDangerouslySkipPermissions, resume (a session id), model, fallbackModel,
   effort, maxThinkingTokens, maxTurns, systemPrompt, additionalDirectories, allowedTools,
   disallowedTools, settingSources, agents, strictMcpConfig, pathToClaudeCodeExecutable. MCP servers
   follow as a control request `mcp_set_servers`; there are never secrets in `options`.
   The runner starts `query()` at once, and answers when the SDK has initialised:

       {"type": "control_response", "response": {"subtype": "success", "request_id": "…",
           "response": {commands, models, account, agents, output_style …}}}

   or, for a contract version that it does not know or an SDK that cannot start,
   `{"subtype": "error", "request_id": "…", "error": "why, in words"}`, and exits with 1.
3. Lines `{"type": "user", "message": {"role": "user", "content": …}, "uuid": …, …}` go into the
   prompt iterable as they are.
4. Each message that `query()` yields is one line, as it is.
5. `canUseTool(name, input, {suggestions, …})` becomes a line

       {"type": "control_request", "request_id": "unique", "request": {"subtype": "can_use_tool",
           "tool_name", "input", "tool_use_id", "permission_suggestions"?, "blocked_path"?,
           "decision_reason"?, "title"?, "display_name"?, "description"?, "agent_id"?}}

   It is answered by a `control_response` on stdin: `subtype: success` with `response` being the
   PermissionResult ({behavior: "allow", updatedInput, updatedPermissions?} or {behavior: "deny",
   message, interrupt?}), or `subtype: error` with `error`, which denies. When its signal fires
   before that, the runner writes `{"type": "control_cancel_request", "request_id"}`.
6. Control requests from us, each answered by one control_response with the same request_id, an
   unknown one by `subtype: error`:
   `interrupt` · `set_model {model?}` · `set_permission_mode {mode}` ·
   `set_max_thinking_tokens {max_thinking_tokens}` · `stop_task {task_id}` ·
   `mcp_status` → {mcpServers: [McpServerStatus]} · `mcp_set_servers {servers}` → what the SDK
   returns · `mcp_reconnect {serverName}` · `mcp_toggle {serverName, enabled}`.
7. EOF on stdin ends the prompt iterable; what has not ended soon after is ended (electron-glue's
   waits half a second), exit 0. SIGTERM ends it at once. A query that throws is said on stderr,
   exit 1. When stdout is gone it exits. A malformed line on stdin is said on stderr and skipped.
8. `{"type": "runner_error", "code", "message"}` may stand between the messages: a line that was
   refused, or the last words before exit 1. It is for people: no request is answered by it.
"""

RUNNER_CONTRACT = 1
"""The version of the contract with a runner that this speaks."""
