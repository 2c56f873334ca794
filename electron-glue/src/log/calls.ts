/** The lines about requests: what changes something when it begins and ends, any failure. */

import type { CallListener, CallSpec } from "../client/calls.js";
import { SidecarError } from "../errors.js";
import { METHODS, type MethodName } from "../generated/contract.js";
import type { Correlation, Whereabouts } from "./cid.js";
import type { ClientLog, LogLevel } from "./log.js";

/** Begins with `call.`, as the bridge's lines do; `message` is the id that both know. */
export class CallTeller implements CallListener {
  readonly #log: ClientLog;
  readonly #whereabouts: Whereabouts;
  readonly #about = new Map<number, Correlation>();

  constructor(log: ClientLog, whereabouts: Whereabouts) {
    this.#log = log;
    this.#whereabouts = whereabouts;
  }

  began(message: number, { method, params }: CallSpec): void {
    const about = this.#whereabouts.about(params);
    this.#about.set(message, about);
    this.#log.write(levelOf(method), "call.asked", { method, message }, about);
  }

  ended(message: number, { method }: CallSpec, why: unknown, tookMs: number): void {
    const about = this.#about.get(message);
    this.#about.delete(message);
    const took = { method, message, tookMs: Math.round(tookMs) };
    if (why === null) {
      this.#log.write(levelOf(method), "call.answered", took, about);
      return;
    }
    // The sidecar's own words may hold a provider's: its key tells enough, its log the rest.
    const error = why instanceof SidecarError ? why.key : "aborted";
    this.#log.write("warning", "call.failed", { ...took, error }, about);
  }
}

function levelOf(method: string): LogLevel {
  return METHODS[method as MethodName].mutating ? "info" : "debug";
}
