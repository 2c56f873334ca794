"""The two forms of Claude: what is started, and how it is told what the session is.

**CLI** (the default): `claude -p --input-format stream-json …`; the session's parameters are
arguments, but for what may be secret or large (MCP servers, prompts, agents): that goes over stdio.

**Runner** (start option `runner {command, args?, env?}`): any program that speaks the same protocol
on stdio; electron-glue ships one that calls the Agent SDK's `query()` in Node. It is started in the
session's cwd with the session's environment, which is all that the SDK's child needs: the runner
hands its own `process.env` on (AGENT_SIDECAR_MARKS are in it), but for ELECTRON_RUN_AS_NODE. The
contract, version 1:

1. One JSON object a line, UTF-8, on stdin and stdout; nothing else on stdout; words on stderr.
2. The first line to the runner is the CLI's initialize request, with the session in it:

       {"type": "control_request", "request_id": "…", "request": {
           "subtype": "initialize", "hooks": null,
           "session": {"contract": 1, "options": {…}}}}

   `options` is to be handed to `query({prompt, options})` as it is, under what the runner adds
   (`canUseTool`, `stderr`, `abortController`, `env: process.env`). Keys, all of the SDK's own
   spelling, all optional but the first four: cwd, permissionMode, includePartialMessages (true),
   includeHookEvents, allowDangerouslySkipPermissions, resume (a session id), model, fallbackModel,
   effort, maxTurns, systemPrompt, additionalDirectories, allowedTools,
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
   `set_max_thinking_tokens {max_thinking_tokens}` · `apply_flag_settings {settings}` ·
   `stop_task {task_id}` ·
   `mcp_status` → {mcpServers: [McpServerStatus]} · `mcp_set_servers {servers}` → what the SDK
   returns · `mcp_reconnect {serverName}` · `mcp_toggle {serverName, enabled}`.
7. EOF on stdin ends the prompt iterable; what has not ended soon after is ended (electron-glue's
   waits half a second), exit 0. SIGTERM ends it at once. A query that throws is said on stderr,
   exit 1. When stdout is gone it exits. A malformed line on stdin is said on stderr and skipped.
8. `{"type": "runner_error", "code", "message"}` may stand between the messages: a line that was
   refused, or the last words before exit 1. It is for people: no request is answered by it.
"""

from typing import Any, Final, NamedTuple

from sidecar.contract.frames import SessionSpec
from sidecar.contract.vocabulary import RuntimeMode
from sidecar.providers.base import ProviderCommand
from sidecar.providers.claude.options import ClaudeOptions

RUNNER_CONTRACT: Final = 1
"""The version of the contract with a runner that this speaks."""

DEFAULT_COMMAND: Final = "claude"

CONFIG_DIR: Final = "CLAUDE_CONFIG_DIR"
"""Where Claude keeps accounts, settings and conversations; an instance has its own."""

_ENVIRONMENT: Final[dict[str, str | None]] = {
    # Each prompt is on disk before the model is asked, so that what was killed can be resumed.
    "CLAUDE_CODE_EAGER_FLUSH": "1",
    # Set when the app itself was started by Claude, which refuses to run within itself.
    "CLAUDECODE": None,
}
_MODES: Final[dict[RuntimeMode, str]] = {
    "approval-required": "default",
    "auto-accept-edits": "acceptEdits",
    "auto": "auto",
    "full-access": "bypassPermissions",
}
_STREAMS: Final = (
    "-p",
    "--input-format",
    "stream-json",
    "--output-format",
    "stream-json",
    "--verbose",
    "--include-partial-messages",
    "--permission-prompt-tool",
    "stdio",
)
_SOURCES: Final = ("user", "project", "local")


class Session(NamedTuple):
    """What a process is told of its session. `permission_mode` is Claude's word."""

    cwd: str
    permission_mode: str
    resume: str | None = None
    model: str | None = None
    effort: str | None = None


def permission_mode(options: ClaudeOptions, mode: RuntimeMode, *, may_bypass: bool) -> str:
    """Return the mode to start in. Claude refuses to bypass permissions for root.

    Full access is then what the session grants, request by request.
    """
    wanted = options.permission_mode or _MODES[mode]
    return "default" if wanted == "bypassPermissions" and not may_bypass else wanted


def command_of(options: ClaudeOptions, session: Session, spec: SessionSpec) -> ProviderCommand:
    """Return what to start for a session."""
    return command_line(options, session, spec.instance_home)


def command_line(
    options: ClaudeOptions, session: Session, instance_home: str = ""
) -> ProviderCommand:
    """Return what to start, with the instance's own home if it has one."""
    home = {CONFIG_DIR: instance_home} if instance_home else {}
    env: dict[str, str | None] = {**_ENVIRONMENT, **home, **options.env}
    if options.runner is None:
        return ProviderCommand(_cli_argv(options, session), session.cwd, env)
    argv = [options.runner.command, *options.runner.args]
    return ProviderCommand(argv, session.cwd, {**env, **options.runner.env})


def initialize_of(options: ClaudeOptions, session: Session) -> dict[str, Any]:
    """Return the fields of the initialize request."""
    if options.runner is not None:
        told = {"contract": RUNNER_CONTRACT, "options": _sdk_options(options, session)}
        return {"hooks": None, "session": told}
    fields: dict[str, Any] = {"hooks": None}
    if options.system_prompt is not None:
        fields["systemPrompt"] = [options.system_prompt]
    if options.append_system_prompt is not None:
        fields["appendSystemPrompt"] = options.append_system_prompt
    if options.agents is not None:
        fields["agents"] = options.agents
    return fields


def _cli_argv(options: ClaudeOptions, session: Session) -> list[str]:
    """Return the command line; every value is glued to its option, as it may begin with a dash."""
    argv = [options.command or DEFAULT_COMMAND, *_STREAMS]
    argv.append(f"--permission-mode={session.permission_mode}")
    if session.permission_mode == "bypassPermissions":
        argv.append("--allow-dangerously-skip-permissions")
    valued = {
        "resume": session.resume,
        "model": session.model,
        "effort": session.effort,
        "fallback-model": options.fallback_model,
        "max-turns": options.max_turns,
        "allowed-tools": ",".join(options.allowed_tools),
        "disallowed-tools": ",".join(options.disallowed_tools),
        "setting-sources": ",".join(options.setting_sources or ()),
    }
    argv += [f"--{name}={value}" for name, value in valued.items() if value]
    argv += [f"--add-dir={directory}" for directory in options.additional_directories]
    if options.strict_mcp_config:
        argv.append("--strict-mcp-config")
    if options.include_hook_events:
        argv.append("--include-hook-events")
    return [*argv, *options.args]


def _sdk_options(options: ClaudeOptions, session: Session) -> dict[str, Any]:
    """Return the options of query(). Without a word the SDK has no system prompt and no settings,
    where the CLI has: here both forms have."""
    prompt: Any = {"type": "preset", "preset": "claude_code"}
    if options.append_system_prompt is not None:
        prompt["append"] = options.append_system_prompt
    told: dict[str, Any] = {
        "cwd": session.cwd,
        "permissionMode": session.permission_mode,
        "includePartialMessages": True,
        "includeHookEvents": options.include_hook_events,
        "allowDangerouslySkipPermissions": session.permission_mode == "bypassPermissions",
        "settingSources": options.setting_sources
        if options.setting_sources is not None
        else list(_SOURCES),
        "systemPrompt": options.system_prompt or prompt,
        "resume": session.resume,
        "model": session.model,
        "effort": session.effort,
        "fallbackModel": options.fallback_model,
        "maxTurns": options.max_turns,
        "additionalDirectories": options.additional_directories,
        "allowedTools": options.allowed_tools,
        "disallowedTools": options.disallowed_tools,
        "agents": options.agents,
        "strictMcpConfig": options.strict_mcp_config or None,
        "pathToClaudeCodeExecutable": options.command,
    }
    return {key: value for key, value in told.items() if value not in (None, [])}
