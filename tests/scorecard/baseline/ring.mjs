// The events in memory: a ring bounded by count and bytes, from which consumers read by cursor. Where
// a connected consumer is too far behind, the agents' output waits in their pipes.

import { randomUUID } from "node:crypto";

const MOST_EVENTS = 100_000;
const MOST_BYTES = 64 * 1024 * 1024;
const MOST_BEHIND = 10_000;

export class Ring {
  constructor() {
    this.instance = randomUUID();
    this.head = 0;
    this.lines = new Map(); // seq → line, in order; the oldest is the first key
    this.bytes = 0;
    this.readers = new Set(); // connected consumers: {cursor, flush()}
    this.sources = new Set(); // whose output can wait: {pause(), resume()}
    this.waits = false;
  }

  /** The oldest sequence number that is still here; head + 1 when there is none. */
  get oldest() {
    return this.head - this.lines.size + 1;
  }

  /** Append an event and tell the consumers that there is something to read. */
  say(thread, kind, words = {}) {
    this.head += 1;
    const line = `${JSON.stringify({ seq: this.head, thread, kind, ...words })}\n`;
    this.lines.set(this.head, line);
    this.bytes += line.length;
    while (this.lines.size > MOST_EVENTS || this.bytes > MOST_BYTES) this.drop();
    for (const reader of this.readers) reader.flush();
    this.pace();
  }

  /** Have all sources wait while a reader is far behind, and let them go on once it is not. */
  pace() {
    const behind = this.head - Math.min(this.head, ...[...this.readers].map((each) => each.cursor));
    const waits = behind > (this.waits ? MOST_BEHIND / 2 : MOST_BEHIND);
    if (waits === this.waits) return;
    this.waits = waits;
    for (const source of this.sources) waits ? source.pause() : source.resume();
  }

  /** Count in a source; a new one waits like all others. */
  join(source) {
    this.sources.add(source);
    if (this.waits) source.pause();
  }

  drop() {
    const oldest = this.oldest;
    this.bytes -= this.lines.get(oldest).length;
    this.lines.delete(oldest);
  }

  line(seq) {
    return this.lines.get(seq);
  }
}
