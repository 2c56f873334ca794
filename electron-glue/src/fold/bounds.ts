/** Every bound of the fold, and how a value is weighed and cut (rules W, R3, K4, S7). */

import { isMap } from "../wire/shape.js";

/** Items of a running turn in a snapshot. */
export const TURN_ITEMS = 1024;

/** Open items beside the running turn. */
export const LOOSE_ITEMS = 1024;

/** Alternations between streams in the kept text. */
export const TEXT_RUNS = 4096;

/** Unanswered requests a session, and the weight of one's payload. */
export const PENDING_REQUESTS = 256;
export const PAYLOAD_BYTES = 64 * 1024;

/** Open tasks a session, and the weight of one. */
export const TASKS = 256;
export const TASK_BYTES = 16 * 1024;

/** Weight of a resume cursor: what is larger is no cursor. */
export const CURSOR_BYTES = 64 * 1024;

/** Code points of lastError. */
export const ERROR_CHARS = 4_000;

/** Ended sessions that stay visible. */
export const EXITED_SESSIONS = 1_000;

/** Parked sessions, which are counted apart. */
export const PARKED_SESSIONS = 2_000;

/** Threads whose last generation is remembered after they were forgotten. */
export const FORGOTTEN = 16_384;

const SCALAR_WEIGHT = 8;

export function utf8Bytes(text: string): number {
  return Buffer.byteLength(text, "utf8");
}

/** Weigh a JSON-like value (rule W). */
export function weight(value: unknown): number {
  let total = 0;
  const stack = [value];
  while (stack.length > 0) {
    const part = stack.pop();
    if (typeof part === "string") {
      total += utf8Bytes(part);
    } else if (part instanceof Uint8Array) {
      total += part.length;
    } else {
      total += SCALAR_WEIGHT;
      if (Array.isArray(part)) for (const inner of part as unknown[]) stack.push(inner);
      else if (isMap(part)) for (const [key, inner] of Object.entries(part)) stack.push(key, inner);
    }
  }
  return total;
}

/** `value` if it is a string that is not blank. */
export function textOrNull(value: unknown): string | null {
  return typeof value === "string" && value.trim() !== "" ? value : null;
}

/** Drop the oldest entry above a bound. */
export function dropFirst<K>(entries: Map<K, unknown>, bound: number): void {
  if (entries.size <= bound) return;
  for (const key of entries.keys()) {
    entries.delete(key);
    return;
  }
}
