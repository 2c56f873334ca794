// The events in memory: a ring bounded by count and bytes, from which consumers read by cursor.

import { randomUUID } from "node:crypto";

const MOST_EVENTS = 20_000;
const MOST_BYTES = 64 * 1024 * 1024;

export class Ring {
  constructor() {
    this.instance = randomUUID();
    this.head = 0;
    this.lines = new Map(); // seq → line, in order; the oldest is the first key
    this.bytes = 0;
    this.listeners = new Set();
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
    for (const wake of this.listeners) wake();
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
