/**
 * Requests under way: each has an id, a deadline and one end.
 *
 * Owns which requests wait for a connection, which were sent, and what a lost connection means to
 * them: one with an idempotency key is sent again with the same key, any other is rejected with
 * ConnectionLost. Never reconnects.
 */

import type { Clock } from "../clock.js";
import { ConnectionLost, DeadlineExceeded, SidecarError } from "../errors.js";
import { ERRORS, LIMITS } from "../generated/contract.js";
import type { Answer } from "../wire/messages.js";

/** What a request needs of a connection. */
export interface Carrier {
  readonly open: boolean;
  request(id: number, method: string, params: object): void;
  cancel(id: number): void;
}

export interface CallSpec {
  readonly method: string;
  readonly params: object;
  /** Whether it may be sent again: it carries an idempotency key. */
  readonly repeatable: boolean;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

interface Call extends CallSpec {
  readonly id: number;
  readonly atMs: number;
  sent: boolean;
  readonly resolve: (result: unknown) => void;
  readonly reject: (why: unknown) => void;
  readonly release: () => void;
}

/** What is told of each request: that it began, and how it ended (null: with a result). */
export interface CallListener {
  began(id: number, spec: CallSpec): void;
  ended(id: number, spec: CallSpec, why: unknown, tookMs: number): void;
}

const SILENT: CallListener = { began: () => undefined, ended: () => undefined };

export class Calls {
  readonly #clock: Clock;
  readonly #listener: CallListener;
  readonly #open = new Map<number, Call>();
  #carrier: Carrier | null = null;
  #nextId = 1;

  constructor(clock: Clock, listener: CallListener = SILENT) {
    this.#clock = clock;
    this.#listener = listener;
  }

  /** Requests that have no end yet. */
  get size(): number {
    return this.#open.size;
  }

  /** Start a request: sent at once if there is a connection, else with the next one. */
  start(spec: CallSpec): Promise<unknown> {
    const { signal, method, deadlineMs } = spec;
    // The web's convention: who aborts chooses the reason, whatever it is.
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    if (signal?.aborted === true) return Promise.reject(abortReason(signal));
    if (this.#open.size >= LIMITS.OPEN_REQUESTS) {
      return Promise.reject(
        new SidecarError(`Cannot send ${method}: ${LIMITS.OPEN_REQUESTS} requests are open`, {
          key: "overloaded",
          retryable: true,
        }),
      );
    }
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const giveUp = (why: unknown): void => {
        if (this.#open.get(id)?.sent === true) this.#carrier?.cancel(id);
        this.#reject(id, why);
      };
      const onAbort = (): void => {
        giveUp(abortReason(signal));
      };
      const takeBack = this.#clock.after(deadlineMs, () => {
        giveUp(new DeadlineExceeded(method, deadlineMs));
      });
      signal?.addEventListener("abort", onAbort, { once: true });
      const release = (): void => {
        takeBack();
        signal?.removeEventListener("abort", onAbort);
      };
      const atMs = this.#clock.monoMs();
      const call: Call = { ...spec, id, atMs, sent: false, resolve, reject, release };
      this.#open.set(id, call);
      this.#listener.began(id, spec);
      this.#send(call);
    });
  }

  /** A connection is there: send what waits. */
  attach(carrier: Carrier): void {
    this.#carrier = carrier;
    for (const call of [...this.#open.values()]) if (!call.sent) this.#send(call);
  }

  /** The connection is gone. */
  detach(why: SidecarError): void {
    this.#carrier = null;
    for (const call of [...this.#open.values()]) {
      if (!call.sent) continue;
      if (call.repeatable) call.sent = false;
      else this.#reject(call.id, new ConnectionLost(call.method, why));
    }
  }

  /** An answer came. One to a request that was given up has no taker any more. */
  answer(id: number, answer: Answer): void {
    if (!answer.ok) {
      this.#reject(id, SidecarError.fromBody(answer.error));
      return;
    }
    const call = this.#settle(id, null);
    call?.resolve(answer.result ?? {});
  }

  /** No connection will ever come: reject all. */
  fail(why: SidecarError): void {
    this.#carrier = null;
    for (const id of [...this.#open.keys()]) this.#reject(id, why);
  }

  #send(call: Call): void {
    if (this.#carrier?.open !== true) return;
    try {
      this.#carrier.request(call.id, call.method, call.params);
      call.sent = true;
    } catch (error) {
      this.#reject(call.id, error);
    }
  }

  #reject(id: number, why: unknown): void {
    this.#settle(id, why)?.reject(why);
  }

  #settle(id: number, why: unknown): Call | undefined {
    const call = this.#open.get(id);
    if (call === undefined) return undefined;
    this.#open.delete(id);
    call.release();
    this.#listener.ended(id, call, why, this.#clock.monoMs() - call.atMs);
    return call;
  }
}

function abortReason(signal: AbortSignal | undefined): unknown {
  return (
    (signal?.reason as unknown) ??
    new SidecarError("Cancelled", { key: "cancelled", code: ERRORS.cancelled.code })
  );
}
