/**
 * One connection of the bridge protocol, sans-I/O: bytes and times in, outputs out.
 *
 * Owns the handshake, the order of messages, chunks, heartbeats and silence. Never touches a
 * socket or a timer, never keeps an event, and never decides whether to reconnect.
 */

import {
  CLOSE_CODES,
  ERRORS,
  LIMITS,
  PROTOCOL_VERSION,
  type Resume,
} from "../generated/contract.js";
import { Disconnected, HandshakeRefused, ProtocolViolation, SidecarError } from "../errors.js";
import { clientAuth, proofIsGood } from "../handshake.js";
import { Machine } from "../machine.js";
import { ChunkJoiner, cutMessage } from "../wire/chunks.js";
import { notificationBytes, readMessage, requestBytes, type Answer } from "../wire/messages.js";
import { Liveness } from "./liveness.js";
import { readNotification, readWelcome } from "./parsing.js";
import type { Output, Signal } from "./signals.js";

export interface Greeting {
  readonly token: string;
  readonly nonce: Uint8Array;
  readonly client: { readonly id: string; readonly name?: string; readonly version?: string };
  readonly resume: Resume | null;
  readonly creditBytes: number;
  readonly threads: readonly string[] | null;
}

const HELLO_ID = 0;

export class BridgeProtocol {
  readonly #machine = new Machine(
    {
      greeting: { welcome: "open", close: "closed" },
      open: { close: "closed" },
      closed: {},
    },
    "greeting",
  );
  readonly #greeting: Greeting;
  #joiner = new ChunkJoiner(LIMITS.TRANSFER_BYTES);
  #messageBytes: number = LIMITS.MESSAGE_BYTES;
  #transferBytes: number = LIMITS.TRANSFER_BYTES;
  #nextCid = 1;
  #liveness: Liveness | null = null;

  constructor(greeting: Greeting) {
    this.#greeting = greeting;
  }

  get state(): "greeting" | "open" | "closed" {
    return this.#machine.state;
  }

  /** Start the heart. Returns how often `tick` wants to be called. */
  startHeart(heartbeatMs: number, monoMs: number, wallMs: number): number {
    this.#liveness = new Liveness(heartbeatMs, monoMs, wallMs);
    return this.#liveness.tickMs;
  }

  /** The first message. */
  hello(): Output[] {
    const { token, nonce, client, resume, creditBytes, threads } = this.#greeting;
    const auth = clientAuth(token, nonce);
    const protocol = [PROTOCOL_VERSION, PROTOCOL_VERSION];
    const params = { protocol, nonce, auth, client, resume, creditBytes, threads };
    return [{ do: "send", bytes: requestBytes(HELLO_ID, "hello", params) }];
  }

  /**
   * A request. Returns nothing unless the connection is open.
   *
   * Throws SidecarError `limit_exceeded` over `limits.transferBytes`, and the codec's errors for
   * params that MessagePack cannot carry.
   */
  request(id: number, method: string, params: object): Output[] {
    if (!this.#machine.is("open")) return [];
    const bytes = requestBytes(id, method, params);
    if (bytes.length > this.#transferBytes) {
      throw new SidecarError(
        `Cannot send ${method}: ${bytes.length} bytes are over the limit of ${this.#transferBytes}`,
        {
          key: "limit_exceeded",
          code: ERRORS.limit_exceeded.code,
          data: { limit: "transferBytes" },
        },
      );
    }
    if (bytes.length <= this.#messageBytes) return [{ do: "send", bytes }];
    const parts = cutMessage(bytes, this.#nextCid++, this.#messageBytes);
    return parts.map((part) => ({ do: "send", bytes: part }));
  }

  ack(seq: number): Output[] {
    return this.#notify("ack", { seq });
  }

  cancel(id: number): Output[] {
    return this.#notify("cancel", { id });
  }

  /** A binary message of the server. */
  receive(bytes: Uint8Array): Output[] {
    if (this.#machine.is("closed")) return [];
    this.#liveness?.heard();
    try {
      if (bytes.length > this.#messageBytes) {
        throw new ProtocolViolation("A message is over messageBytes", CLOSE_CODES.FRAME_TOO_LARGE);
      }
      return this.#machine.is("greeting") ? this.#greeted(bytes) : this.#message(bytes);
    } catch (error) {
      if (!(error instanceof SidecarError)) throw error;
      return this.#close(closeCodeOf(error), error);
    }
  }

  receiveText(): Output[] {
    return this.#close(
      CLOSE_CODES.TEXT_FRAME,
      new ProtocolViolation("The server sent a text message", CLOSE_CODES.TEXT_FRAME),
    );
  }

  /** Time passes: a heartbeat is due, or the server is silent. */
  tick(monoMs: number, wallMs: number): Output[] {
    if (this.#liveness === null || this.#machine.is("closed")) return [];
    switch (this.#liveness.tick(monoMs, wallMs)) {
      case "rest":
        return [];
      case "beat":
        return this.#notify("heartbeat", {
          monoMs: Math.floor(monoMs),
          wallMs: Math.floor(wallMs),
        });
      case "silent":
        return this.#close(
          CLOSE_CODES.SILENT,
          new Disconnected(CLOSE_CODES.SILENT, "the server is silent"),
        );
    }
  }

  /** The owner closes, or the socket has gone. */
  closed(): void {
    this.#machine.move("close");
  }

  #notify(method: string, params: object): Output[] {
    if (!this.#machine.is("open")) return [];
    return [{ do: "send", bytes: notificationBytes(method, params) }];
  }

  #close(code: number, error: SidecarError): Output[] {
    return this.#machine.move("close") ? [{ do: "close", code, error }] : [];
  }

  /** Hello's answer precedes everything else. */
  #greeted(bytes: Uint8Array): Output[] {
    const message = readMessage(bytes);
    if (message.kind !== "response" || message.id !== HELLO_ID) {
      throw new ProtocolViolation("The first message is not the answer to hello");
    }
    const welcome = this.#checked(message.answer);
    this.#messageBytes = welcome.limits.messageBytes;
    this.#transferBytes = welcome.limits.transferBytes;
    this.#joiner = new ChunkJoiner(this.#transferBytes);
    this.#machine.move("welcome");
    return signals([{ is: "welcome", welcome }]);
  }

  #checked(answer: Answer): ReturnType<typeof readWelcome> {
    if (!answer.ok) {
      if (answer.error.retryable === true) throw SidecarError.fromBody(answer.error);
      throw new HandshakeRefused("refused", `The sidecar refused hello: ${answer.error.message}`);
    }
    const welcome = readWelcome(answer.result);
    const { token, nonce } = this.#greeting;
    if (!proofIsGood(token, nonce, welcome.server.instance, welcome.proof)) {
      throw new HandshakeRefused(
        "proof",
        "Whoever listens on the sidecar's port does not know its token",
      );
    }
    if (welcome.protocol !== PROTOCOL_VERSION) {
      throw new HandshakeRefused(
        "protocol",
        `The sidecar chose protocol ${welcome.protocol}, this client speaks ${PROTOCOL_VERSION}`,
      );
    }
    return welcome;
  }

  #message(bytes: Uint8Array): Output[] {
    let size = bytes.length;
    let message = readMessage(bytes);
    if (message.kind === "notification" && message.method === "chunk") {
      const whole = this.#joiner.push(message.params);
      if (whole === null) return [];
      size = whole.length;
      message = readMessage(whole);
    }
    if (message.kind === "response") {
      return signals([{ is: "answer", id: message.id, answer: message.answer }]);
    }
    return signals(readNotification(message, size));
  }
}

function signals(list: Signal[]): Output[] {
  return list.map((signal) => ({ do: "signal", signal }));
}

function closeCodeOf(error: SidecarError): number {
  if (error instanceof ProtocolViolation) return error.closeCode;
  if (error instanceof HandshakeRefused && error.reason === "protocol") {
    return CLOSE_CODES.NO_COMMON_PROTOCOL;
  }
  return CLOSE_CODES.UNAUTHENTICATED;
}
