/**
 * One connection: a WebSocket, its timers, and the protocol between them.
 *
 * Owns the socket and every timer of it; `ended` is called exactly once, after which nothing is
 * signalled. Never reconnects: that is the client's.
 */

import { WebSocket, type RawData } from "ws";

import type { Clock } from "../clock.js";
import { CLOSE_CODES, LIMITS, SUBPROTOCOL } from "../generated/contract.js";
import { Disconnected, HandshakeRefused, Replaced, SidecarError } from "../errors.js";
import { CLOSE_DEADLINE_MS, CONNECT_DEADLINE_MS, SOCKET_BUFFER_BYTES } from "../limits.js";
import { BridgeProtocol, type Greeting } from "./protocol.js";
import type { Output, Signal } from "./signals.js";

export interface ConnectionHandlers {
  /** The server said something. */
  readonly signal: (signal: Signal) => void;
  /** The connection is over. */
  readonly ended: (why: SidecarError) => void;
}

const CLOSE_NORMAL = 1000;
const CLOSE_ABNORMAL = 1006;

export class Connection {
  /** Settles once the socket is gone; never rejects. */
  readonly gone: Promise<void>;

  readonly #protocol: BridgeProtocol;
  readonly #socket: WebSocket;
  readonly #handlers: ConnectionHandlers;
  readonly #clock: Clock;
  readonly #timers = new Map<"connect" | "heart" | "close", () => void>();
  #ended = false;
  #socketError: Error | null = null;

  constructor(url: string, greeting: Greeting, handlers: ConnectionHandlers, clock: Clock) {
    this.#protocol = new BridgeProtocol(greeting);
    this.#handlers = handlers;
    this.#clock = clock;
    this.#socket = new WebSocket(url, [SUBPROTOCOL], {
      perMessageDeflate: false,
      followRedirects: false,
      handshakeTimeout: CONNECT_DEADLINE_MS,
      // The protocol itself refuses what is over limits.messageBytes, which hello has yet to tell.
      maxPayload: LIMITS.TRANSFER_BYTES,
    });
    this.gone = new Promise((resolve) => {
      this.#socket.once("close", () => {
        this.#timers.get("close")?.();
        resolve();
      });
    });
    this.#listen();
    this.#arm("connect", CONNECT_DEADLINE_MS, () => {
      this.#end(new Disconnected(CLOSE_ABNORMAL, "hello was not answered in time"));
      this.#socket.terminate();
    });
  }

  /** Whether hello was answered and the connection has not ended. */
  get open(): boolean {
    return this.#protocol.state === "open";
  }

  /** Send a request. Throws SidecarError when it cannot be sent here, ever or now. */
  request(id: number, method: string, params: object): void {
    const outputs = this.#protocol.request(id, method, params);
    if (this.#socket.bufferedAmount > SOCKET_BUFFER_BYTES) {
      throw new SidecarError(`Cannot send ${method}: the sidecar does not read`, {
        key: "overloaded",
        retryable: true,
      });
    }
    this.#carryOut(outputs);
  }

  ack(seq: number): void {
    this.#carryOut(this.#protocol.ack(seq));
  }

  cancel(id: number): void {
    this.#carryOut(this.#protocol.cancel(id));
  }

  /** Close in order: closing handshake, then the socket, by force after a deadline. */
  close(): Promise<void> {
    this.#protocol.closed();
    this.#ended = true;
    this.#stopTimers();
    this.#closeSocket(CLOSE_NORMAL, "");
    return this.gone;
  }

  /** Drop the socket without a word, as a broken network would. `ended` is called. */
  drop(): void {
    this.#socket.terminate();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on("open", () => {
      this.#carryOut(this.#protocol.hello());
    });
    socket.on("message", (data: RawData, isBinary: boolean) => {
      if (this.#ended) return;
      this.#carryOut(
        isBinary ? this.#protocol.receive(bytesOf(data)) : this.#protocol.receiveText(),
      );
    });
    socket.on("error", (error: Error) => {
      this.#socketError = error;
    });
    socket.on("close", (code: number, reason: Buffer) => {
      this.#end(ending(code, reason.toString("utf8"), this.#socketError));
    });
  }

  #carryOut(outputs: readonly Output[]): void {
    for (const output of outputs) {
      switch (output.do) {
        case "send":
          if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(output.bytes);
          break;
        case "signal":
          if (this.#ended) return;
          if (output.signal.is === "welcome") {
            this.#timers.get("connect")?.();
            this.#startHeart(output.signal.welcome.heartbeatMs);
          }
          this.#handlers.signal(output.signal);
          break;
        case "close":
          this.#closeSocket(output.code, output.error.message);
          this.#end(output.error);
          break;
      }
    }
  }

  #startHeart(heartbeatMs: number): void {
    const clock = this.#clock;
    const everyMs = this.#protocol.startHeart(heartbeatMs, clock.monoMs(), clock.wallMs());
    const beat = (): void => {
      this.#arm("heart", everyMs, beat);
      this.#carryOut(this.#protocol.tick(clock.monoMs(), clock.wallMs()));
    };
    this.#arm("heart", everyMs, beat);
  }

  #end(why: SidecarError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#protocol.closed();
    this.#stopTimers();
    this.#handlers.ended(why);
  }

  #closeSocket(code: number, reason: string): void {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    if (this.#socket.readyState === WebSocket.CONNECTING) {
      this.#socket.terminate();
      return;
    }
    this.#socket.close(code, shortReason(reason));
    const taken = this.#clock.after(CLOSE_DEADLINE_MS, () => {
      this.#socket.terminate();
    });
    this.#timers.set("close", taken);
  }

  #arm(name: "connect" | "heart", delayMs: number, action: () => void): void {
    this.#timers.get(name)?.();
    this.#timers.set(name, this.#clock.after(delayMs, action));
  }

  #stopTimers(): void {
    this.#timers.get("connect")?.();
    this.#timers.get("heart")?.();
  }
}

function ending(code: number, reason: string, cause: Error | null): SidecarError {
  switch (code) {
    case CLOSE_CODES.UNAUTHENTICATED:
      return new HandshakeRefused("authentication", "The sidecar does not take this token", cause);
    case CLOSE_CODES.NO_COMMON_PROTOCOL:
      return new HandshakeRefused("protocol", "The sidecar speaks no common protocol", cause);
    case CLOSE_CODES.REPLACED:
      return new Replaced();
    default:
      return new Disconnected(code, reason || (cause?.message ?? ""), cause);
  }
}

/** A close frame carries at most 123 bytes of reason. */
function shortReason(reason: string): string {
  return Buffer.from(reason, "utf8")
    .subarray(0, 120)
    .toString("utf8")
    .replace(/\uFFFD+$/u, "");
}

function bytesOf(data: RawData): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  const buffer = Array.isArray(data) ? Buffer.concat(data) : data;
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
