/**
 * The text of a running turn: the last 256 KiB over all its streams, in order of arrival (X3).
 *
 * On the hot path: a delta costs one append and a comparison. What is too old is dropped by whole
 * chunks; the exact cut is made when somebody looks.
 */

import { LIMITS } from "../generated/contract.js";
import { TEXT_RUNS, utf8Bytes } from "./bounds.js";

/** Small deltas join the last chunk up to here: joining 4 KiB costs less than keeping an object. */
const CHUNK_BYTES = 4 * 1024;

interface Chunk {
  readonly itemId: string;
  readonly kind: string;
  text: string;
  bytes: number;
}

/** The text of each item by stream kind. */
export type Streams = Map<string, Map<string, string>>;

const KEPT_BYTES = LIMITS.ACTIVE_TEXT_BYTES;

export class TextWindow {
  #chunks: Chunk[] = [];
  #first = 0;
  #bytes = 0;
  #runs = 0;
  #dropped = false;

  /** Whether anything that was appended is not kept. */
  get truncated(): boolean {
    return this.#dropped || this.#bytes > KEPT_BYTES;
  }

  /** Say that text before this window's is gone already. */
  markTruncated(): void {
    this.#dropped = true;
  }

  append(itemId: string, kind: string, delta: string): void {
    let text = delta;
    let bytes = utf8Bytes(text);
    if (bytes > KEPT_BYTES) {
      text = lastBytes(text, KEPT_BYTES);
      bytes = utf8Bytes(text);
      this.#dropped = true;
    }
    const last = this.#chunks.length > this.#first ? this.#chunks.at(-1) : undefined;
    const same = last?.itemId === itemId && last.kind === kind;
    if (same && last.bytes < CHUNK_BYTES) {
      last.text += text;
      last.bytes += bytes;
    } else {
      this.#chunks.push({ itemId, kind, text, bytes });
      if (!same) this.#runs += 1;
    }
    this.#bytes += bytes;
    this.#trim();
  }

  /** Item → stream kind → kept text. */
  streams(): Streams {
    const streams: Streams = new Map();
    const excess = this.#bytes - KEPT_BYTES;
    for (let index = this.#first; index < this.#chunks.length; index += 1) {
      const chunk = this.#chunks[index];
      if (chunk === undefined) break;
      // #trim leaves the excess in the first chunk alone.
      const cut = index === this.#first && excess > 0;
      const text = cut ? lastBytes(chunk.text, chunk.bytes - excess) : chunk.text;
      if (text === "") continue;
      const kinds = streams.get(chunk.itemId) ?? new Map<string, string>();
      streams.set(chunk.itemId, kinds);
      kinds.set(chunk.kind, (kinds.get(chunk.kind) ?? "") + text);
    }
    return streams;
  }

  /** Drop chunks of which nothing is kept. */
  #trim(): void {
    for (;;) {
      const gone = this.#chunks[this.#first];
      if (gone === undefined) return;
      if (this.#bytes - gone.bytes < KEPT_BYTES && this.#runs <= TEXT_RUNS) break;
      this.#first += 1;
      this.#bytes -= gone.bytes;
      this.#dropped = true;
      const next = this.#chunks[this.#first];
      if (next?.itemId !== gone.itemId || next.kind !== gone.kind) this.#runs -= 1;
    }
    if (this.#first > this.#chunks.length / 2) {
      this.#chunks = this.#chunks.slice(this.#first);
      this.#first = 0;
    }
  }
}

/** The longest end of `text` in whole characters of at most `boundBytes` of UTF-8. */
export function lastBytes(text: string, boundBytes: number): string {
  if (boundBytes <= 0) return "";
  const bytes = Buffer.from(text, "utf8");
  let start = Math.max(0, bytes.length - boundBytes);
  // A continuation byte is inside a character that is cut.
  while (start < bytes.length && ((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
  return bytes.toString("utf8", start);
}
