/**
 * What the runner and the sidecar say to each other: JSON lines on stdin and stdout, in the shapes of
 * the claude CLI's own stream-json control protocol, so that one client speaks to both. The contract
 * is written down on the sidecar's side, in sidecar/providers/claude/forms.py; in short:
 *
 * In:  control_request   initialize (first of all; `session.options` as the SDK names them), then
 *                        those of controls.mts
 *      control_response  the answer to can_use_tool
 *      user              a prompt, as the SDK's SDKUserMessage
 * Out: control_response  the answer to each request, always one
 *      control_request   can_use_tool; control_cancel_request withdraws it
 *      runner_error      {code, message}: a line that was refused, or why the runner ends
 *      anything else     a message of the SDK, as it came
 *
 * Pure: types, names and bounds.
 */

/** The version of the contract that this speaks. */
export const CONTRACT = 1;

/** A JSON object. */
export type Fields = Record<string, unknown>;

/** Longest line in: a turn's attachments (40 MiB) in base64, and room for its text. */
export const LINE_BYTES = 64 * 1024 * 1024;
/** Prompts that the SDK has not taken yet; it takes them at once, so more is a broken peer. */
export const PROMPTS = 64;
/** Control requests under way. */
export const CONTROLS = 64;
/** Approvals that are open at once; the agent asks for one, a sub-agent each for one more. */
export const APPROVALS = 256;
/** Bytes of stdout under way above which nothing more is read from Claude Code. */
export const OUT_BYTES = 256 * 1024;

/** The SDK's and Claude Code's start, on a loaded machine. */
export const START_MS = 100_000;
/** One answer of Claude Code. */
export const CONTROL_MS = 30_000;
/** End of stdin to the end of Claude Code, before it gets SIGTERM. */
export const EOF_GRACE_MS = 500;
/** SIGTERM to SIGKILL of Claude Code. */
export const TERM_GRACE_MS = 500;
/** Last words to the exit, when nobody reads stdout. */
export const FLUSH_MS = 500;

/** Exit codes: sysexits' words for them. */
export const EXIT = { ok: 0, failed: 1, usage: 64, sdk: 69, bug: 70 } as const;

export type RunnerErrorCode =
  | "bad_line"
  | "line_too_long"
  | "too_many"
  | "unexpected"
  | "unwritable"
  | "usage"
  | "sdk_missing"
  | "sdk_unsupported"
  | "sdk_failed"
  | "claude_failed"
  | "bug";

/** Why the runner cannot do what it was asked; `code` is for programs. */
export class RunnerError extends Error {
  readonly code: RunnerErrorCode;

  constructor(code: RunnerErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "RunnerError";
    this.code = code;
  }
}

/** A line of stdin that has a meaning. */
export type Incoming =
  | { readonly is: "request"; readonly id: string; readonly request: Fields }
  | {
      readonly is: "response";
      readonly id: string;
      readonly answer: Fields | null;
      readonly error: string | null;
    }
  | { readonly is: "cancel"; readonly id: string }
  | { readonly is: "user"; readonly message: Fields }
  | { readonly is: "nothing" };

/** Read a line. Throws RunnerError `bad_line` with what is wrong, never with what it said. */
export function readLine(line: string): Incoming {
  if (line.trim() === "") return { is: "nothing" };
  const message = parsed(line);
  switch (message["type"]) {
    case "control_request":
      return { is: "request", id: idOf(message), request: fieldsOf(message, "request") };
    case "control_response":
      return response(fieldsOf(message, "response"));
    case "control_cancel_request":
      return { is: "cancel", id: idOf(message) };
    case "user":
      fieldsOf(message, "message");
      return { is: "user", message };
    case "keep_alive":
      return { is: "nothing" };
    default:
      throw new RunnerError("bad_line", "A line of stdin has no type that the runner knows");
  }
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim() === "" ? "it gave no reason" : text;
}

function response(body: Fields): Incoming {
  const id = idOf(body);
  if (body["subtype"] === "success") {
    const answer = body["response"];
    return { is: "response", id, answer: isFields(answer) ? answer : null, error: null };
  }
  const { error } = body;
  return { is: "response", id, answer: null, error: typeof error === "string" ? error : "" };
}

function parsed(line: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // What it said may be a secret: only that it is none is told.
    throw new RunnerError("bad_line", "A line of stdin is no JSON");
  }
  if (!isFields(value)) throw new RunnerError("bad_line", "A line of stdin is no JSON object");
  return value;
}

function idOf(message: Fields): string {
  const id = message["request_id"];
  if (typeof id === "string" && id !== "") return id;
  throw new RunnerError("bad_line", "A line of stdin has no request_id");
}

function fieldsOf(message: Fields, key: string): Fields {
  const value = message[key];
  if (isFields(value)) return value;
  throw new RunnerError("bad_line", `A line of stdin has no ${key}`);
}
