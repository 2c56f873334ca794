/**
 * A server of the bridge protocol for tests: handshake with proof, resume, snapshot, credit,
 * chunks, heartbeats, scripted methods. It speaks through no code of the client but the codec, so
 * that a mistake in the client's handshake or chunks cannot cancel itself out.
 */

import { createHmac } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";

import { WebSocketServer, type WebSocket } from "ws";

import { decodeValue, encodeValue } from "../../src/wire/codec.js";
import type { Row } from "./log.js";

type Fields = Record<string, unknown>;
export type Handler = (params: Fields, peer: Peer, id: number) => unknown;

/** A handler throws this to answer an error. */
export class Refusal extends Error {
  constructor(readonly body: Fields) {
    super("refusal");
  }
}

/** A handler returns this to give no answer at all. */
export const NO_ANSWER = Symbol("no answer");

export interface FakeOptions {
  token?: string;
  heartbeatMs?: number;
  /** Send no heartbeats: a server that hangs. */
  mute?: boolean;
  wrongProof?: boolean;
  /** After the welcome, an event that cannot come there. */
  misbehave?: boolean;
  protocol?: number;
  messageBytes?: number;
  transferBytes?: number;
  /** Events in one `events` message. */
  batch?: number;
}

export class Peer {
  sent: number;
  acked: number;
  unackedBytes: Row[] = [];
  creditBytes = 4 * 1024 * 1024;
  #cid = 0;

  constructor(
    readonly socket: WebSocket,
    readonly hello: Fields,
    readonly server: FakeServer,
  ) {
    const resume = hello["resume"] as { cursor: number } | null | undefined;
    this.sent = resume?.cursor ?? 0;
    this.acked = this.sent;
    if (typeof hello["creditBytes"] === "number") this.creditBytes = hello["creditBytes"];
  }

  notify(method: string, params: Fields): void {
    const bytes = encodeValue([2, method, params]);
    const { messageBytes } = this.server;
    if (bytes.length <= messageBytes) {
      this.socket.send(bytes);
      return;
    }
    const step = messageBytes - 100;
    const count = Math.ceil(bytes.length / step);
    this.#cid += 1;
    for (let index = 0; index < count; index += 1) {
      const data = bytes.subarray(index * step, (index + 1) * step);
      this.socket.send(encodeValue([2, "chunk", { cid: this.#cid, index, count, data }]));
    }
  }

  /** Send what the credit allows. */
  pump(): void {
    const { log, batch } = this.server;
    for (;;) {
      const held = this.unackedBytes.reduce((sum, row) => sum + row[1].length, 0);
      if (held >= this.creditBytes) return;
      const list = log.filter(([seq]) => seq > this.sent).slice(0, batch);
      const last = list.at(-1);
      if (last === undefined) return;
      this.sent = last[0];
      this.unackedBytes.push(...list);
      this.notify("events", { list });
    }
  }

  ack(seq: number): void {
    if (seq > this.sent) this.socket.close(4400, "ack of what was not sent");
    this.acked = Math.max(this.acked, seq);
    this.unackedBytes = this.unackedBytes.filter((row) => row[0] > seq);
    this.pump();
  }
}

export class FakeServer {
  readonly token: string;
  readonly instance = "instance-1";
  logId = "log-1";
  epoch = 1;
  oldest = 1;
  log: Row[] = [];
  state: Fields = { sessions: {} };
  readonly batch: number;
  readonly messageBytes: number;
  readonly handlers = new Map<string, Handler>();
  readonly hellos: Fields[] = [];
  readonly acks: number[] = [];
  readonly requests: { method: string; params: Fields; id: number }[] = [];
  readonly cancels: number[] = [];
  readonly closes: number[] = [];
  readonly peers = new Set<Peer>();
  readonly #options: FakeOptions;
  readonly #server: WebSocketServer;

  private constructor(options: FakeOptions, server: WebSocketServer) {
    this.#options = options;
    this.#server = server;
    this.token = options.token ?? "the token";
    this.batch = options.batch ?? 100;
    this.messageBytes = options.messageBytes ?? 1024 * 1024;
    server.on("connection", (socket) => {
      this.#accept(socket);
    });
  }

  static async start(options: FakeOptions = {}): Promise<FakeServer> {
    const server = new WebSocketServer({
      host: "127.0.0.1",
      port: 0,
      perMessageDeflate: false,
      handleProtocols: () => "sidecar.v1",
    });
    await once(server, "listening");
    return new FakeServer(options, server);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/bridge`;
  }

  get endpoint(): { url: string; token: string } {
    return { url: this.url, token: this.token };
  }

  get peer(): Peer {
    const peer = [...this.peers].at(-1);
    if (peer === undefined) throw new Error("nobody is connected");
    return peer;
  }

  append(added: readonly Row[]): void {
    this.log.push(...added);
    for (const peer of this.peers) peer.pump();
  }

  /** Drop every socket as a broken network would. */
  drop(): void {
    for (const peer of this.peers) peer.socket.terminate();
  }

  async stop(): Promise<void> {
    for (const client of this.#server.clients) client.terminate();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #accept(socket: WebSocket): void {
    let peer: Peer | null = null;
    const beat =
      this.#options.mute === true
        ? null
        : setInterval(
            () => peer?.notify("heartbeat", { head: this.#head, monoMs: 1, wallMs: 1, sent: 0 }),
            this.#options.heartbeatMs ?? 5_000,
          );
    socket.on("close", (code) => {
      if (beat !== null) clearInterval(beat);
      this.closes.push(code);
      if (peer !== null) this.peers.delete(peer);
    });
    socket.on("message", (data: Buffer) => {
      const [kind, first, second, third] = decodeValue(data) as [number, never, never, never];
      if (peer !== null) this.#message(peer, kind, first, second, third);
      else peer = this.#greet(socket, first, third);
    });
  }

  get #head(): number {
    return this.log.at(-1)?.[0] ?? 0;
  }

  #hmac(...parts: (string | Uint8Array)[]): Buffer {
    const mac = createHmac("sha256", this.token);
    for (const part of parts) mac.update(part);
    return mac.digest();
  }

  #greet(socket: WebSocket, id: number, hello: Fields): Peer | null {
    this.hellos.push(hello);
    const nonce = hello["nonce"] as Uint8Array;
    if (!this.#hmac("client", nonce).equals(hello["auth"] as Uint8Array)) {
      socket.close(4401);
      return null;
    }
    const resume = hello["resume"] as { logId: string; cursor: number } | null | undefined;
    const gap = resume && (resume.logId !== this.logId ? "other_log" : this.#tooOld(resume.cursor));
    const resumed = resume != null && gap === null;
    const proof = this.#hmac("server", nonce, this.instance);
    if (this.#options.wrongProof === true) proof[0]! ^= 1;
    const peer = new Peer(socket, hello, this);
    this.peers.add(peer);
    const result = {
      protocol: this.#options.protocol ?? 1,
      proof: new Uint8Array(proof),
      server: { version: "0.0.1", pid: process.pid, instance: this.instance },
      logId: this.logId,
      epoch: this.epoch,
      head: this.#head,
      oldest: this.oldest,
      resumed,
      reason: gap ?? null,
      limits: {
        messageBytes: this.messageBytes,
        transferBytes: this.#options.transferBytes ?? 64 * 1024 * 1024,
        creditBytes: peer.creditBytes,
        openRequests: 256,
      },
      heartbeatMs: this.#options.heartbeatMs ?? 5_000,
    };
    socket.send(encodeValue([1, id, null, result]));
    if (gap != null) {
      peer.notify("gap", { from: (resume?.cursor ?? 0) + 1, to: this.#head, reason: gap });
    }
    if (!resumed) {
      peer.sent = this.#head;
      peer.notify("snapshot", { at: this.#head, epoch: this.epoch, state: this.state });
    }
    if (this.#options.misbehave === true) {
      peer.notify("events", { list: [[this.#head + 99, new Uint8Array()]] });
    }
    peer.pump();
    peer.notify("synchronized", { head: this.#head });
    return peer;
  }

  #tooOld(cursor: number): string | null {
    if (cursor > this.#head) return "rewound";
    return cursor + 1 < this.oldest ? "too_old" : null;
  }

  #message(peer: Peer, kind: number, first: never, second: never, third: never): void {
    if (kind === 2) {
      const params = second as Fields;
      if (first === "ack") {
        this.acks.push(params["seq"] as number);
        peer.ack(params["seq"] as number);
      } else if (first === "cancel") {
        this.cancels.push(params["id"] as number);
      } else if (first === "chunk") {
        this.#chunk(peer, params);
      }
      return;
    }
    this.#request(peer, first, second, third);
  }

  readonly #chunks: Uint8Array[] = [];

  #chunk(peer: Peer, params: Fields): void {
    this.#chunks.push(params["data"] as Uint8Array);
    if (this.#chunks.length < (params["count"] as number)) return;
    const whole = Buffer.concat(this.#chunks.splice(0));
    const [kind, first, second, third] = decodeValue(whole) as [number, never, never, never];
    this.#message(peer, kind, first, second, third);
  }

  #request(peer: Peer, id: number, method: string, params: Fields): void {
    this.requests.push({ method, params, id });
    const handler = this.handlers.get(method);
    if (handler === undefined) {
      const error = { code: -32601, key: "method_not_found", message: `No method ${method}` };
      peer.socket.send(encodeValue([1, id, error, null]));
      return;
    }
    try {
      const result = handler(params, peer, id);
      if (result !== NO_ANSWER) peer.socket.send(encodeValue([1, id, null, result]));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      peer.socket.send(encodeValue([1, id, error.body, null]));
    }
  }
}
