/**
 * Heartbeats and silence (PROTOCOL §4), in the side's own *running* time.
 *
 * Pure: it is told the time and what was heard, and says what to do. A machine that slept, or an
 * app whose event loop stood still, judges nobody dead by it.
 */

import { LIMITS } from "../generated/contract.js";
import { SLEEP_JUMP_MS } from "../limits.js";

export type Pulse = "rest" | "beat" | "silent";

/** Ticks an interval: silence is seen at most this fraction of an interval late. */
const TICKS_PER_BEAT = 2;

export class Liveness {
  readonly tickMs: number;
  readonly #intervalMs: number;
  #lastMonoMs: number;
  #lastWallMs: number;
  #silentMs = 0;
  #sinceBeatMs = 0;

  constructor(heartbeatMs: number, monoMs: number, wallMs: number) {
    this.#intervalMs = heartbeatMs;
    this.tickMs = Math.max(1, Math.floor(heartbeatMs / TICKS_PER_BEAT));
    this.#lastMonoMs = monoMs;
    this.#lastWallMs = wallMs;
  }

  /** Any message counts as life. */
  heard(): void {
    this.#silentMs = 0;
  }

  /** To be called every `tickMs`; says whether to send a heartbeat, or that the peer is silent. */
  tick(monoMs: number, wallMs: number): Pulse {
    const ranMs = monoMs - this.#lastMonoMs;
    const jumpMs = wallMs - this.#lastWallMs - ranMs;
    this.#lastMonoMs = monoMs;
    this.#lastWallMs = wallMs;
    if (Math.abs(jumpMs) > SLEEP_JUMP_MS) this.#silentMs = 0;
    // A late tick means that we did not run: what was sent meanwhile waits unread in the socket.
    const runningMs = Math.min(ranMs, this.tickMs * TICKS_PER_BEAT);
    this.#silentMs += runningMs;
    this.#sinceBeatMs += runningMs;
    if (this.#silentMs >= this.#intervalMs * LIMITS.SILENCE_INTERVALS) return "silent";
    // Half a tick of grace: a timer that fires a hair early must not put the beat off by a tick.
    if (this.#sinceBeatMs < this.#intervalMs - this.tickMs / 2) return "rest";
    this.#sinceBeatMs = 0;
    return "beat";
  }
}
