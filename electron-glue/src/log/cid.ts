/**
 * The correlation id `thread/generation/turn/request`, as the sidecar writes it too (its
 * core/correlation.py; both are held to tests/fixtures/correlation.json). Pure.
 */

import type { StreamItem } from "../client/items.js";
import { isMap } from "../wire/shape.js";

export interface Correlation {
  readonly thread?: string | undefined;
  readonly generation?: number | undefined;
  readonly turn?: string | undefined;
  readonly request?: string | undefined;
}

const PART_CHARS = 120;
const UNKNOWN = "-";

/** Sessions whose place is remembered; of a forgotten one an id just says less. */
const THREADS = 1_000;

/** The id; undefined when nothing is known. */
export function cidOf({ thread, generation, turn, request }: Correlation): string | undefined {
  const parts = [thread, generation, turn, request].map((part) =>
    part === undefined ? UNKNOWN : written(String(part)),
  );
  while (parts.at(-1) === UNKNOWN) parts.pop();
  return parts.length === 0 ? undefined : parts.join("/");
}

function written(part: string): string {
  const plain = Array.from(part)
    .slice(0, PART_CHARS)
    .map((char) => (/^[!-$&-.0-~]$/u.test(char) ? char : escaped(char)))
    .join("");
  return plain === UNKNOWN ? "%2D" : plain;
}

function escaped(char: string): string {
  return [...Buffer.from(char, "utf8")]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
    .join("");
}

/** Which generation and turn each session is in, as far as the consumer has come. */
export class Whereabouts {
  readonly #places = new Map<string, { generation: number; turn: string | undefined }>();

  /** Take note of what the consumer was handed. */
  note(item: StreamItem): void {
    if (item.kind !== "event") return;
    const { threadId, generation, type, turnId } = item.event;
    const known = this.#places.get(threadId);
    if (known?.generation !== generation) this.#keep(threadId, { generation, turn: undefined });
    if (type === "turn.started") this.#keep(threadId, { generation, turn: turnId });
    if (type === "turn.completed") this.#keep(threadId, { generation, turn: undefined });
  }

  /** What a call is about: what its parameters name, and where that session is. */
  about(params: object): Correlation {
    if (!isMap(params)) return {};
    const thread = text(params["threadId"]);
    const known = thread === undefined ? undefined : this.#places.get(thread);
    return {
      thread,
      generation: known?.generation,
      turn: text(params["turnId"]) ?? known?.turn,
      request: text(params["requestId"]),
    };
  }

  #keep(thread: string, place: { generation: number; turn: string | undefined }): void {
    this.#places.delete(thread);
    this.#places.set(thread, place);
    const oldest = this.#places.keys().next();
    if (this.#places.size > THREADS && oldest.done !== true) this.#places.delete(oldest.value);
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
