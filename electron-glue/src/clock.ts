/** Time, handed in: monotonic for intervals, wall for stamps, timers that can be taken back. */

export interface Clock {
  /** Monotonic milliseconds; only differences mean anything. */
  monoMs(): number;
  /** Wall-clock milliseconds since 1970. */
  wallMs(): number;
  /** Run `action` once after `delayMs`. Returns what takes the timer back. */
  after(delayMs: number, action: () => void): () => void;
}

export const systemClock: Clock = {
  monoMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Randomness, handed in: a number in [0, 1). */
export type Random = () => number;
