/**
 * The error tree. One root with machine fields; nobody needs to parse a message.
 *
 * SidecarError                  what the sidecar answered, by `key` and `code` (PROTOCOL §6)
 * ├── ConnectionLost            the socket went while a request without idempotency key was out
 * ├── Disconnected              why a connection ended; the client reconnects
 * ├── ConnectFailed             no connection came about within the deadline
 * ├── HandshakeRefused          the peer is no sidecar of ours, or does not take us (final)
 * ├── Replaced                  another connection took over this client's id (final)
 * ├── ProtocolViolation         the peer said something that PROTOCOL does not allow
 * ├── MalformedEvent            an event's body does not decode (delivered, never thrown)
 * ├── DeadlineExceeded          a wait reached its deadline
 * ├── ClientClosed              the client was closed, or never can connect again
 * ├── LaunchFailed              the sidecar did not start, or died and stays down
 * └── RunnerUnavailable         there is nothing that could run the Claude Agent SDK
 *
 * Local errors have code 0: this package said them, not the sidecar.
 */

import { CLOSE_CODES, type ErrorBody } from "./generated/contract.js";

export interface SidecarErrorFields {
  readonly key: string;
  readonly code?: number;
  readonly retryable?: boolean;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export class SidecarError extends Error {
  readonly key: string;
  readonly code: number;
  readonly retryable: boolean;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(message: string, fields: SidecarErrorFields) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = new.target.name;
    this.key = fields.key;
    this.code = fields.code ?? 0;
    this.retryable = fields.retryable ?? false;
    this.data = fields.data ?? {};
  }

  /** Rebuild an error that the sidecar answered. */
  static fromBody(body: ErrorBody): SidecarError {
    const { message, ...fields } = body;
    return new SidecarError(message, fields);
  }
}

/** Rejects a request that was sent, has no idempotency key, and whose socket went. Whether the
 * sidecar carried it out is not known. */
export class ConnectionLost extends SidecarError {
  constructor(method: string, cause?: unknown) {
    super(`Outcome of ${method} is not known: the connection was lost before its answer`, {
      key: "connection_lost",
      retryable: true,
      data: { method },
      cause,
    });
  }
}

/** Tells why a connection ended; the client reconnects. `data.closeCode` is the WebSocket's. */
export class Disconnected extends SidecarError {
  constructor(closeCode: number, reason: string, cause?: unknown) {
    const why = reason === "" ? "" : `: ${reason}`;
    super(`The connection ended with code ${closeCode}${why}`, {
      key: "disconnected",
      retryable: true,
      data: { closeCode },
      cause,
    });
  }
}

/** Rejects `connectSidecar` when no connection came about in time. */
export class ConnectFailed extends SidecarError {
  constructor(message: string, cause?: unknown) {
    super(message, { key: "connect_failed", retryable: true, cause });
  }
}

export type RefusalReason = "proof" | "authentication" | "protocol" | "refused";

/** Ends a client: wrong proof (a stranger on the port), wrong token, no common protocol. */
export class HandshakeRefused extends SidecarError {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, message: string, cause?: unknown) {
    super(message, { key: "handshake_refused", data: { reason }, cause });
    this.reason = reason;
  }
}

/** Ends a client whose id another connection has taken over (close code 4409). */
export class Replaced extends SidecarError {
  constructor() {
    super("This client was replaced: another connection said hello with the same client id", {
      key: "replaced",
    });
  }
}

/** Closes one connection; the client then reconnects. `closeCode` is what the peer is told. */
export class ProtocolViolation extends SidecarError {
  readonly closeCode: number;

  constructor(message: string, closeCode: number = CLOSE_CODES.BAD_MESSAGE, cause?: unknown) {
    super(message, { key: "protocol_violation", data: { closeCode }, cause });
    this.closeCode = closeCode;
  }
}

/** Stands in the stream in place of an event whose body does not decode. */
export class MalformedEvent extends SidecarError {
  constructor(seq: number, why: string, cause?: unknown) {
    super(`Event ${seq} does not decode: ${why}`, {
      key: "malformed_event",
      data: { seq },
      cause,
    });
  }
}

/** Rejects a request, or a phase of start or stop, that took too long. */
export class DeadlineExceeded extends SidecarError {
  constructor(what: string, deadlineMs: number) {
    super(`${what} took longer than ${deadlineMs} ms`, {
      key: "deadline_exceeded",
      retryable: true,
      data: { deadlineMs },
    });
  }
}

/** Rejects what is asked of a client that was closed. */
export class ClientClosed extends SidecarError {
  constructor(cause?: unknown) {
    super("The client is closed", { key: "client_closed", cause });
  }
}

export interface LaunchFailure {
  /** `locked`, `bad_bootstrap`, `data_dir`, `schema_newer`, `port` (the sidecar's own words), or
   * `not_found`, `spawn`, `exited`, `deadline`, `bad_ready_line`, `gave_up` (ours). */
  readonly code: string;
  readonly pid?: number;
  readonly exitCode?: number | null;
  readonly exitSignal?: string | null;
  readonly stderrTail?: string;
  readonly cause?: unknown;
}

/** Rejects `launchSidecar`; ends a client whose sidecar stays down. */
export class LaunchFailed extends SidecarError {
  readonly failure: LaunchFailure;

  constructor(message: string, failure: LaunchFailure) {
    const { cause, ...data } = failure;
    super(message, { key: "launch_failed", data, cause });
    this.failure = failure;
  }
}
