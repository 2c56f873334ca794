/** What a client may be told, and what it tells. */

import type { Clock, Random } from "../clock.js";
import type { HelloResult, JournalState } from "../generated/contract.js";
import type { SidecarError } from "../errors.js";
import type { LogOption } from "../log/log.js";
import type { Cursor, CursorStore } from "./cursor.js";
import type { CommitMode } from "./feed.js";
import type { EphemeralItem } from "./items.js";

/** Where a sidecar listens, and what both sides know. */
export interface Endpoint {
  readonly url: string;
  readonly token: string;
}

export interface ClientOptions {
  /**
   * Who this client is to the sidecar: scope of idempotency keys and of the retention lease. Give
   * a stable one together with a cursor store. Default: random.
   */
  readonly clientId?: string;
  readonly clientName?: string;
  readonly clientVersion?: string;
  /** Where to resume; default: what the cursor store has, else a snapshot. */
  readonly cursor?: Cursor;
  readonly cursorStore?: CursorStore;
  /**
   * `auto` (default): an item is committed when the consumer asks for the next one. `manual`: when
   * `commit(item)` is called; the stream stops after one credit window without it.
   */
  readonly commit?: CommitMode;
  /** Event bytes that may be under way or queued here, at least 64 KiB. Default 4 MiB. */
  readonly creditBytes?: number;
  /** Only events of these threads. Default: all. */
  readonly threads?: readonly string[];
  /**
   * Where this package's own log goes: by default into `client.log` in the data dir of a sidecar
   * that it has launched, and nowhere for `connectSidecar`. `false`: nowhere. A function gets
   * every record. Never a prompt, an answer or a secret.
   */
  readonly log?: LogOption;
  /** How long the first connection may take. Default 15 s. */
  readonly connectDeadlineMs?: number;
  /** For tests. */
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface RequestOptions {
  /** Gives the request up: it rejects with the signal's reason, the sidecar is told. */
  readonly signal?: AbortSignal;
  /** Own deadline; by default the method's on the server and a margin. */
  readonly deadlineMs?: number;
}

export type ConnectionNotice =
  | { readonly state: "online"; readonly welcome: HelloResult }
  | { readonly state: "lost"; readonly error: SidecarError }
  | { readonly state: "offline" };

/** What has no place in the order of events, for listeners (`client.on`). */
export interface ClientEvents {
  /** The connection came or went. */
  connection: ConnectionNotice;
  /** The journal's state changed: `full` and `failed` mean that starts are refused. */
  journal: { readonly state: JournalState; readonly message: string | null };
  /** Events without a seq, metrics, progress; may be dropped by the sidecar. */
  ephemeral: EphemeralItem;
  /** Something does not work, and the client goes on trying (the cursor store, for one). */
  warning: SidecarError;
  /** The client is closed for good; null when `close()` was called. */
  closed: SidecarError | null;
}

export interface ClientStats {
  readonly connections: number;
  readonly eventsReceived: number;
  readonly duplicatesIgnored: number;
  readonly queuedBytes: number;
  readonly openRequests: number;
}
