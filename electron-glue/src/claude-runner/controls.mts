/** Control requests of the sidecar as calls of the SDK's Query. Pure but for the calls. */

import { isFields, RunnerError, type Fields } from "./protocol.mjs";
import type { Query } from "./sdk.mjs";

/** Which method a subtype calls, with what, and how its result is answered. */
interface Control {
  readonly method: string;
  readonly args: (request: Fields) => readonly unknown[];
  readonly response?: (result: unknown, request: Fields) => Fields;
}

const none = (): readonly unknown[] => [];
const values =
  (...keys: string[]) =>
  (request: Fields): readonly unknown[] =>
    keys.map((key) => request[key] ?? undefined);

export const CONTROLS_KNOWN: Readonly<Record<string, Control>> = {
  interrupt: { method: "interrupt", args: none },
  set_model: { method: "setModel", args: values("model") },
  set_permission_mode: {
    method: "setPermissionMode",
    args: values("mode"),
    response: (_, { mode }) => ({ mode }),
  },
  set_max_thinking_tokens: {
    method: "setMaxThinkingTokens",
    // null takes the limit off, and the SDK tells it from undefined.
    args: (request) => [request["max_thinking_tokens"] ?? null],
  },
  apply_flag_settings: { method: "applyFlagSettings", args: values("settings") },
  mcp_status: {
    method: "mcpServerStatus",
    args: none,
    response: (mcpServers) => ({ mcpServers }),
  },
  mcp_set_servers: { method: "setMcpServers", args: values("servers") },
  mcp_reconnect: { method: "reconnectMcpServer", args: values("serverName") },
  mcp_toggle: { method: "toggleMcpServer", args: values("serverName", "enabled") },
  supported_commands: {
    method: "supportedCommands",
    args: none,
    response: (commands) => ({ commands }),
  },
  supported_models: { method: "supportedModels", args: none, response: (models) => ({ models }) },
  supported_agents: { method: "supportedAgents", args: none, response: (agents) => ({ agents }) },
  account_info: { method: "accountInfo", args: none, response: (account) => ({ account }) },
  get_context_usage: { method: "getContextUsage", args: none },
  stop_task: { method: "stopTask", args: values("task_id") },
  rewind_files: {
    method: "rewindFiles",
    args: (request) => [request["user_message_id"], { dryRun: request["dry_run"] === true }],
  },
};

/**
 * Carry a request out. Rejects with RunnerError `unexpected` for what the runner or this version of
 * the SDK does not know, and with what the SDK says.
 */
export async function carryOut(query: Query, request: Fields): Promise<Fields | undefined> {
  const { subtype } = request;
  const known = typeof subtype === "string" && Object.hasOwn(CONTROLS_KNOWN, subtype);
  const control = known ? CONTROLS_KNOWN[subtype] : undefined;
  if (control === undefined) {
    throw new RunnerError("unexpected", `Unsupported control request subtype: ${named(subtype)}`);
  }
  const method = (query as unknown as Fields)[control.method];
  if (typeof method !== "function") {
    throw new RunnerError("unexpected", `This version of the SDK has no ${control.method}()`);
  }
  const result: unknown = await Reflect.apply(method, query, control.args(request));
  if (control.response !== undefined) return control.response(result, request);
  return isFields(result) ? result : undefined;
}

function named(subtype: unknown): string {
  return typeof subtype === "string" ? JSON.stringify(subtype.slice(0, 80)) : "none";
}
