/** A clock that a test moves by hand. */

import type { Clock } from "../../src/clock.js";

export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ atMs: number; action: () => void }>();

  monoMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, action };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Timers that have neither run nor been taken back. */
  get timers(): number {
    return this.#timers.size;
  }

  pass(durationMs: number): void {
    this.#nowMs += durationMs;
    for (const timer of [...this.#timers].sort((one, other) => one.atMs - other.atMs)) {
      if (timer.atMs > this.#nowMs || !this.#timers.delete(timer)) continue;
      timer.action();
    }
  }
}
