/**
 * Approvals: the SDK's canUseTool as can_use_tool requests, each with one end.
 *
 * Owns which are open. An answer that cannot be understood denies: nothing runs by accident.
 */

import { randomUUID } from "node:crypto";

import type { Outlet } from "./outlet.mjs";
import { APPROVALS, isFields, type Fields } from "./protocol.mjs";
import type { ToolContext } from "./sdk.mjs";

interface Approval {
  readonly input: Fields;
  readonly end: (result: Fields) => void;
}

/** The CLI's names for what the SDK passes in camel case. */
const RENAMED: Readonly<Record<string, string>> = {
  suggestions: "permission_suggestions",
  toolUseID: "tool_use_id",
  agentID: "agent_id",
  mcpServer: "mcp_server",
};

const OWN = new Set(["signal", "requestId"]);

export class Approvals {
  readonly #outlet: Outlet;
  readonly #bound: number;
  readonly #open = new Map<string, Approval>();

  constructor(outlet: Outlet, bound = APPROVALS) {
    this.#outlet = outlet;
    this.#bound = bound;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Ask; settles with the SDK's PermissionResult and never rejects. */
  ask(tool: string, input: Fields, context: ToolContext): Promise<Fields> {
    const { signal } = context;
    if (signal.aborted) return Promise.resolve(denial("The request was withdrawn"));
    if (this.#open.size >= this.#bound) {
      return Promise.resolve(denial(`${this.#bound} approvals are open already`));
    }
    const id = randomUUID();
    return new Promise((resolve) => {
      const onAbort = (): void => {
        if (!this.#end(id, denial("The request was withdrawn"))) return;
        this.#outlet.say({ type: "control_cancel_request", request_id: id });
      };
      signal.addEventListener("abort", onAbort, { once: true });
      const end = (result: Fields): void => {
        signal.removeEventListener("abort", onAbort);
        resolve(result);
      };
      this.#open.set(id, { input, end });
      const request = { subtype: "can_use_tool", tool_name: tool, input, ...renamed(context) };
      this.#outlet.say({ type: "control_request", request_id: id, request });
    });
  }

  /** The answer came; one to an approval that has ended already changes nothing. */
  answered(id: string, answer: Fields | null, error: string | null): void {
    const approval = this.#open.get(id);
    if (approval === undefined) return;
    const result = answer === null ? null : permission(answer, approval.input);
    if (result === null && error === null) {
      this.#outlet.complain("bad_line", "An answer to can_use_tool says neither allow nor deny");
    }
    this.#end(id, result ?? denial(error ?? ""));
  }

  #end(id: string, result: Fields): boolean {
    const approval = this.#open.get(id);
    this.#open.delete(id);
    approval?.end(result);
    return approval !== undefined;
  }
}

function permission(answer: Fields, input: Fields): Fields | null {
  if (answer["behavior"] === "deny") {
    const { message } = answer;
    return { ...answer, ...denial(typeof message === "string" ? message : "") };
  }
  if (answer["behavior"] !== "allow") return null;
  // Older ones take no allow without it.
  return {
    ...answer,
    updatedInput: isFields(answer["updatedInput"]) ? answer["updatedInput"] : input,
  };
}

function denial(message: string): Fields {
  return { behavior: "deny", message: message.trim() === "" ? "Denied" : message };
}

function renamed(context: ToolContext): Fields {
  const request: Fields = {};
  for (const [key, value] of Object.entries(context)) {
    if (OWN.has(key) || value === undefined || typeof value === "function") continue;
    request[RENAMED[key] ?? key.replace(/[A-Z]/gu, (big) => `_${big.toLowerCase()}`)] = value;
  }
  return request;
}
