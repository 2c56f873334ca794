/**
 * The reconnecting client: one ordered stream of events and any number of requests over whatever
 * connection there is.
 *
 * Owns when to connect and from where to resume. The order of events is the feed's, the fate of
 * requests is the calls', the wire is the connection's. Never starts or stops a sidecar.
 */

import { randomUUID } from "node:crypto";

import { systemClock, type Clock, type Random } from "../clock.js";
import { Connection } from "../connection/connection.js";
import type { Signal } from "../connection/signals.js";
import {
  ERRORS,
  LIMITS,
  METHODS,
  type HelloResult,
  type IdempotentMethod,
  type MethodName,
  type Methods,
} from "../generated/contract.js";
import { ClientClosed, HandshakeRefused, Replaced, SidecarError } from "../errors.js";
import { newNonce } from "../handshake.js";
import { RECONNECT_FIRST_MS, RECONNECT_MAX_MS, REQUEST_MARGIN_MS } from "../limits.js";
import { Listeners } from "../listeners.js";
import { CallTeller } from "../log/calls.js";
import { Whereabouts } from "../log/cid.js";
import { ClientLog } from "../log/log.js";
import { tellClosed, tellItem, tellLost, tellOnline, tellWarning } from "../log/tells.js";
import { Machine } from "../machine.js";
import { backoffMs } from "./backoff.js";
import { Calls } from "./calls.js";
import { Committer } from "./committer.js";
import { cursorOf, type Cursor, type Position } from "./cursor.js";
import { Feed } from "./feed.js";
import { readEphemeral, type StreamItem } from "./items.js";
import type {
  ClientEvents,
  ClientOptions,
  ClientStats,
  Endpoint,
  RequestOptions,
} from "./options.js";
import { EventStream } from "./stream.js";

/** `offline`: there is nowhere to connect to; `waiting`: for the next try. */
export type ClientState = "offline" | "connecting" | "online" | "waiting" | "closed";

type Move = "dial" | "welcome" | "lose" | "pause" | "close";

const TRANSITIONS: Record<ClientState, Partial<Record<Move, ClientState>>> = {
  offline: { dial: "connecting", close: "closed" },
  connecting: { welcome: "online", lose: "waiting", pause: "offline", close: "closed" },
  online: { lose: "waiting", pause: "offline", close: "closed" },
  waiting: { dial: "connecting", pause: "offline", close: "closed" },
  closed: {},
};

/**
 * Parameters of a method; the client makes the idempotency key unless it is given. `subscribe`
 * takes no `after`: the stream's place is the client's own, `events.read` reads elsewhere.
 */
export type RequestParams<M extends MethodName> = M extends "subscribe"
  ? Omit<Methods[M]["params"], "after">
  : M extends IdempotentMethod
    ? Omit<Methods[M]["params"], "idempotencyKey"> & { readonly idempotencyKey?: string }
    : Methods[M]["params"];

export type RequestResult<M extends MethodName> = Methods[M]["result"];

export class SidecarClient {
  readonly id: string;

  readonly #options: ClientOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #creditBytes: number;
  readonly #machine = new Machine<ClientState, Move>(TRANSITIONS, "offline");
  readonly #listeners = new Listeners<ClientEvents>();
  readonly #feed: Feed;
  readonly #stream: EventStream;
  readonly #calls: Calls;
  readonly #committer: Committer;
  readonly #isFinal: (error: SidecarError) => boolean;
  readonly #log: ClientLog;
  readonly #whereabouts = new Whereabouts();

  #endpoint: Endpoint | null = null;
  #connection: Connection | null = null;
  #takeBackRetry: (() => void) | null = null;
  #attempt = 0;
  #threads: readonly string[] | null;
  #welcome: HelloResult | null = null;
  #journal = "ok";
  #ackedBytes = 0;
  #ackedSeq = 0;
  #connections = 0;
  #eventsReceived = 0;

  /** Use `connectSidecar` or `launchSidecar`. `isFinal` tells which errors end the client. */
  constructor(
    options: ClientOptions,
    cursor: Cursor | null,
    isFinal = endsClient,
    log = new ClientLog(options.log),
  ) {
    this.#options = options;
    this.#log = log;
    this.id = options.clientId ?? randomUUID();
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#creditBytes = Math.max(
      LIMITS.CREDIT_MIN_BYTES,
      options.creditBytes ?? LIMITS.CREDIT_BYTES,
    );
    this.#threads = options.threads ?? null;
    this.#isFinal = isFinal;
    this.#calls = new Calls(this.#clock, new CallTeller(log, this.#whereabouts));
    this.#committer = new Committer({
      store: options.cursorStore ?? null,
      clock: this.#clock,
      ack: (position) => {
        this.#ack(position);
      },
      warn: (error) => {
        tellWarning(this.#log, error);
        this.#listeners.emit("warning", error);
      },
    });
    this.#feed = new Feed({
      cursor,
      mode: options.commit ?? "auto",
      creditBytes: this.#creditBytes,
      onCommit: (position) => {
        const unackedBytes = this.#feed.handedBytes - this.#ackedBytes;
        this.#committer.commit(position, unackedBytes * 4 >= this.#creditBytes);
      },
      onHand: (item) => {
        tellItem(log, item, this.#whereabouts);
      },
    });
    this.#stream = new EventStream(this.#feed);
  }

  get state(): ClientState {
    return this.#machine.state;
  }

  /** What the sidecar said to the last hello; null before the first. */
  get server(): HelloResult | null {
    return this.#welcome;
  }

  /** The last committed place: what a later client would resume from. */
  get cursor(): Cursor | null {
    return this.#feed.committed === null ? null : cursorOf(this.#feed.committed);
  }

  get stats(): ClientStats {
    return {
      connections: this.#connections,
      eventsReceived: this.#eventsReceived,
      duplicatesIgnored: this.#feed.duplicates,
      queuedBytes: this.#feed.queuedBytes,
      openRequests: this.#calls.size,
    };
  }

  /** Listen to what stands outside the order of events. Returns what takes the listener off. */
  on<N extends keyof ClientEvents>(
    name: N,
    listener: (value: ClientEvents[N]) => void,
  ): () => void {
    return this.#listeners.on(name, listener);
  }

  /** All events, each once and in order, with snapshots and gaps in their places. One consumer. */
  events(): AsyncIterableIterator<StreamItem> {
    return this.#stream.iterate();
  }

  /** With `commit: "manual"`: the app is done with `item` and everything before it. */
  commit(item: StreamItem): void {
    this.#feed.commit(item);
  }

  /**
   * Call a method. Rejects with SidecarError: the sidecar's own, or ConnectionLost,
   * DeadlineExceeded, ClientClosed; with the signal's reason when aborted. A method that this
   * version of the package does not know is `method_not_found`, and is not sent: whether it may be
   * sent twice is not known.
   *
   * A request made while there is no connection waits for one. A method that takes an idempotency
   * key is sent again, with the same key, when the connection goes before the answer.
   */
  async request<M extends MethodName>(
    method: M,
    params: RequestParams<M>,
    options: RequestOptions = {},
  ): Promise<RequestResult<M>> {
    if (!Object.hasOwn(METHODS, method)) throw methodNotFound(method);
    const spec = METHODS[method];
    if (this.#machine.is("closed")) throw new ClientClosed();
    const keyed = { ...params } as { idempotencyKey?: string; threads?: readonly string[] | null };
    if (spec.idempotent) keyed.idempotencyKey ??= randomUUID();
    if (method === "subscribe") this.#feed.loosen();
    const result = await this.#calls.start({
      method,
      params: keyed,
      repeatable: spec.idempotent,
      deadlineMs: options.deadlineMs ?? spec.deadlineMs + REQUEST_MARGIN_MS,
      signal: options.signal,
    });
    if (method === "subscribe") this.#threads = keyed.threads ?? null;
    return result as RequestResult<M>;
  }

  /** Drop the socket and resume: after a change of network, or to see that it works. */
  reconnect(): void {
    this.#connection?.drop();
  }

  /** Connect to another place from now on; null: to none, until told where. */
  retarget(endpoint: Endpoint | null): void {
    if (this.#machine.is("closed")) return;
    this.#endpoint = endpoint;
    this.#attempt = 0;
    const connection = this.#release(new SidecarError("The sidecar moved", { key: "retargeted" }));
    void connection?.close();
    if (this.#machine.move("pause")) {
      this.#log.write("info", "connection.offline");
      this.#listeners.emit("connection", { state: "offline" });
    }
    if (endpoint !== null) this.#dial();
  }

  /** Close for good. What is queued is still delivered; open requests are rejected. */
  async close(): Promise<void> {
    if (this.#machine.is("closed")) return;
    await this.#committer.flush();
    await this.end(null);
  }

  /** End with an error (null: as asked). The stream throws it behind what is queued. */
  async end(why: SidecarError | null): Promise<void> {
    if (!this.#machine.move("close")) return;
    tellClosed(this.#log, why);
    this.#calls.fail(new ClientClosed(why ?? undefined));
    const connection = this.#release(null);
    this.#stream.finish(why);
    this.#listeners.emit("closed", why);
    await connection?.close();
    await this.#log.flush();
  }

  #dial(): void {
    const endpoint = this.#endpoint;
    if (endpoint === null || !this.#machine.move("dial")) return;
    const { handed } = this.#feed;
    const greeting = {
      token: endpoint.token,
      nonce: newNonce(),
      client: {
        id: this.id,
        ...(this.#options.clientName === undefined ? {} : { name: this.#options.clientName }),
        ...(this.#options.clientVersion === undefined
          ? {}
          : { version: this.#options.clientVersion }),
      },
      resume: handed && { logId: handed.logId, epoch: handed.epoch, cursor: handed.seq },
      creditBytes: this.#creditBytes,
      threads: this.#threads,
    };
    const connection: Connection = new Connection(
      endpoint.url,
      greeting,
      {
        signal: (signal) => {
          if (this.#connection === connection) this.#heard(connection, signal);
        },
        ended: (why) => {
          if (this.#connection === connection) this.#lost(why);
        },
      },
      this.#clock,
    );
    this.#connection = connection;
  }

  #heard(connection: Connection, signal: Signal): void {
    switch (signal.is) {
      case "welcome":
        this.#welcomed(connection, signal.welcome);
        break;
      case "answer":
        this.#calls.answer(signal.id, signal.answer);
        break;
      case "journal":
        this.#journalIs(signal);
        break;
      case "ephemeral":
        this.#listeners.emit("ephemeral", readEphemeral(signal.notice));
        break;
      case "heartbeat":
      case "goodbye":
        break;
      case "events":
      case "advance":
      case "gap":
      case "snapshot":
      case "synchronized":
        if (signal.is === "events") this.#eventsReceived += signal.list.length;
        // Not before: a server that greets and then misbehaves must not be dialled in a tight loop.
        if (signal.is === "synchronized") this.#attempt = 0;
        this.#guarded(connection, () => {
          this.#feed.push(signal);
        });
        this.#stream.wake();
    }
  }

  #welcomed(connection: Connection, welcome: HelloResult): void {
    this.#machine.move("welcome");
    this.#welcome = welcome;
    this.#connections += 1;
    this.#ackedSeq = welcome.resumed ? (this.#feed.handed?.seq ?? 0) : -1;
    this.#ackedBytes = this.#feed.handedBytes;
    const begun = this.#guarded(connection, () => {
      this.#feed.begin(welcome, this.#threads !== null);
    });
    if (!begun) return;
    tellOnline(this.#log, welcome, this.#connections);
    this.#calls.attach(connection);
    this.#listeners.emit("connection", { state: "online", welcome });
  }

  #journalIs({ state, message }: Extract<Signal, { is: "journal" }>): void {
    if (state === this.#journal) return;
    this.#journal = state;
    this.#log.write(state === "ok" ? "info" : "warning", "journal.state", { state });
    this.#listeners.emit("journal", { state, message });
  }

  /** Carry out what the server may have made impossible; then the connection ends. */
  #guarded(connection: Connection, action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      if (!(error instanceof SidecarError)) throw error;
      void connection.close();
      this.#lost(error);
      return false;
    }
  }

  #lost(why: SidecarError): void {
    if (this.#isFinal(why)) {
      void this.end(why);
      return;
    }
    this.#release(why);
    if (!this.#machine.move("lose")) return;
    const waitMs = backoffMs(this.#attempt++, RECONNECT_FIRST_MS, RECONNECT_MAX_MS, this.#random);
    this.#takeBackRetry = this.#clock.after(waitMs, () => {
      this.#dial();
    });
    tellLost(this.#log, why, waitMs);
    this.#listeners.emit("connection", { state: "lost", error: why });
  }

  /** Let go of the connection and of the retry. Returns the connection for its owner to close. */
  #release(why: SidecarError | null): Connection | null {
    const connection = this.#connection;
    this.#connection = null;
    this.#takeBackRetry?.();
    this.#takeBackRetry = null;
    if (why !== null) this.#calls.detach(why);
    return connection;
  }

  #ack(position: Position): void {
    if (position.line !== this.#feed.received?.line || position.seq <= this.#ackedSeq) return;
    this.#ackedSeq = position.seq;
    this.#ackedBytes = this.#feed.handedBytes;
    this.#connection?.ack(position.seq);
  }
}

function methodNotFound(method: string): SidecarError {
  const { code } = ERRORS.method_not_found;
  const message = `This version of electron-glue knows no method ${JSON.stringify(method)}`;
  return new SidecarError(message, { key: "method_not_found", code, data: { method } });
}

/** Errors after which no reconnect can help. */
export function endsClient(error: SidecarError): boolean {
  return error instanceof HandshakeRefused || error instanceof Replaced;
}
