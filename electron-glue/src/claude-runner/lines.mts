/** Bytes of stdin to lines of bounded length. Pure: chunks in, lines out. */

import { LINE_BYTES } from "./protocol.mjs";

const NEWLINE = 0x0a;

/** A line's text; null in the place of one that was too long and is lost. */
export type Line = string | null;

export class LineReader {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #bytes = 0;
  #lost = false;

  constructor(maxBytes = LINE_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Take a chunk; returns the lines that it completes. */
  push(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, at));
      lines.push(this.#take());
      from = at + 1;
    }
    this.#keep(chunk.subarray(from));
    return lines;
  }

  /** Stdin has ended; returns what had no newline. */
  end(): Line[] {
    return this.#bytes === 0 && !this.#lost ? [] : [this.#take()];
  }

  #keep(part: Buffer): void {
    if (part.length === 0 || this.#lost) return;
    this.#bytes += part.length;
    if (this.#bytes > this.#maxBytes) {
      this.#lost = true;
      this.#parts = [];
      return;
    }
    this.#parts.push(part);
  }

  #take(): Line {
    // Joined before it is decoded: a character may lie across two chunks.
    const line = this.#lost ? null : Buffer.concat(this.#parts).toString("utf8");
    this.#parts = [];
    this.#bytes = 0;
    this.#lost = false;
    return line;
  }
}
