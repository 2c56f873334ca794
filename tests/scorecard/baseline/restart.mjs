// When a session is started again: the same rules and figures as ours, for the sake of fairness.

const FIRST_MS = 500;
const FACTOR = 2;
const LAST_MS = 30_000;
const JITTER = 0.1;
const STABLE_MS = 10_000;

export class Intensity {
  constructor({ policy = "transient", maxRestarts = 3, maxSeconds = 60 } = {}) {
    this.policy = policy;
    this.maxRestarts = maxRestarts;
    this.windowMs = maxSeconds * 1000;
    this.times = [];
    this.streak = 0;
  }

  /** Return how long to wait before a restart; null when it gives up. */
  delay(livedMs) {
    if (this.policy === "temporary") return null;
    const now = performance.now();
    this.times = this.times.filter((time) => now - time < this.windowMs);
    this.times.push(now);
    if (this.times.length > this.maxRestarts) return null;
    if (livedMs >= STABLE_MS) this.streak = 0;
    const delay = Math.min(LAST_MS, FIRST_MS * FACTOR ** this.streak);
    this.streak += 1;
    return delay * (1 + JITTER * Math.random());
  }
}
