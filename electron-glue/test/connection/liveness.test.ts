import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Liveness, type Pulse } from "../../src/connection/liveness.js";

const BEAT_MS = 1_000;

/** Ticks in time, as long as `untilMs`; wall and monotonic time run alike. */
function run(liveness: Liveness, fromMs: number, untilMs: number): Pulse[] {
  const pulses: Pulse[] = [];
  for (let now = fromMs + liveness.tickMs; now <= untilMs; now += liveness.tickMs) {
    pulses.push(liveness.tick(now, now));
  }
  return pulses;
}

describe("liveness", () => {
  it("beats once an interval", () => {
    const liveness = new Liveness(BEAT_MS, 0, 0);
    const pulses = run(liveness, 0, 2 * BEAT_MS);
    assert.deepEqual(pulses, ["rest", "beat", "rest", "beat"]);
  });

  it("judges silence after three intervals, not before", () => {
    const liveness = new Liveness(BEAT_MS, 0, 0);
    assert.ok(!run(liveness, 0, 3 * BEAT_MS - 1).includes("silent"));
    assert.deepEqual(run(liveness, 3 * BEAT_MS - liveness.tickMs, 3 * BEAT_MS), ["silent"]);
  });

  it("counts anything heard as life", () => {
    const liveness = new Liveness(BEAT_MS, 0, 0);
    run(liveness, 0, 2.5 * BEAT_MS);
    liveness.heard();
    assert.ok(!run(liveness, 2.5 * BEAT_MS, 5 * BEAT_MS).includes("silent"));
  });

  it("judges nobody by a sleep of the machine", () => {
    const liveness = new Liveness(BEAT_MS, 0, 0);
    run(liveness, 0, 2.5 * BEAT_MS);
    // Monotonic time stood still; the wall went on by an hour.
    assert.notEqual(liveness.tick(3_000, 3_000 + 3_600_000), "silent");
    assert.notEqual(liveness.tick(3_500, 3_500 + 3_600_000), "silent");
  });

  it("judges nobody by a standstill of its own event loop", () => {
    const liveness = new Liveness(BEAT_MS, 0, 0);
    run(liveness, 0, BEAT_MS);
    assert.notEqual(liveness.tick(60_000, 60_000), "silent");
    liveness.heard();
    assert.notEqual(liveness.tick(60_500, 60_500), "silent");
  });
});
