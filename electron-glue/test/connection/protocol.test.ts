import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Output, Signal } from "../../src/connection/signals.js";
import { BridgeProtocol } from "../../src/connection/protocol.js";
import { HandshakeRefused, ProtocolViolation, SidecarError } from "../../src/errors.js";
import { clientAuth, serverProof } from "../../src/handshake.js";
import { decodeValue, encodeValue } from "../../src/wire/codec.js";

const TOKEN = "token";
const NONCE = new Uint8Array(32).fill(7);

function greeted(): BridgeProtocol {
  return new BridgeProtocol({
    token: TOKEN,
    nonce: NONCE,
    client: { id: "c" },
    resume: { logId: "l", epoch: 2, cursor: 9 },
    creditBytes: 65536,
    threads: null,
  });
}

function welcome(change: object = {}): Uint8Array {
  const result = {
    protocol: 1,
    proof: serverProof(TOKEN, NONCE, "i"),
    server: { version: "1", pid: 1, instance: "i" },
    logId: "l",
    epoch: 2,
    head: 9,
    oldest: 1,
    resumed: true,
    limits: { messageBytes: 2000, transferBytes: 10_000, creditBytes: 65536, openRequests: 8 },
    heartbeatMs: 100,
    ...change,
  };
  return encodeValue([1, 0, null, result]);
}

function opened(): BridgeProtocol {
  const protocol = greeted();
  protocol.hello();
  assert.equal(only(protocol.receive(welcome())).do, "signal");
  return protocol;
}

function only(outputs: Output[]): Output {
  assert.equal(outputs.length, 1, JSON.stringify(outputs));
  return outputs[0]!;
}

function sent(outputs: Output[]): unknown[] {
  return outputs.map((output) => {
    assert.ok(output.do === "send");
    return decodeValue(output.bytes);
  });
}

function signalled(outputs: Output[]): Signal[] {
  return outputs.map((output) => {
    assert.ok(output.do === "signal", JSON.stringify(output));
    return output.signal;
  });
}

function closed(outputs: Output[]): { code: number; error: SidecarError } {
  const output = only(outputs);
  assert.ok(output.do === "close", JSON.stringify(output));
  return output;
}

const notification = (method: string, params: object): Uint8Array =>
  encodeValue([2, method, params]);

describe("protocol: hello", () => {
  it("shows knowledge of the token and never the token", () => {
    const outputs = greeted().hello();
    assert.deepEqual(sent(outputs), [
      [
        0,
        0,
        "hello",
        {
          protocol: [1, 1],
          nonce: NONCE,
          auth: clientAuth(TOKEN, NONCE),
          client: { id: "c" },
          resume: { logId: "l", epoch: 2, cursor: 9 },
          creditBytes: 65536,
          threads: null,
        },
      ],
    ]);
  });

  it("is not followed by anything until it is answered", () => {
    const protocol = greeted();
    protocol.hello();
    assert.deepEqual(protocol.request(1, "session.list", {}), []);
    assert.deepEqual(protocol.ack(1), []);
  });

  // must P3.7
  it("answered with a wrong proof ends with 4401 and nothing more is sent or heard", () => {
    const protocol = greeted();
    const { code, error } = closed(protocol.receive(welcome({ proof: new Uint8Array(32) })));
    assert.equal(code, 4401);
    assert.ok(error instanceof HandshakeRefused && error.reason === "proof");
    assert.deepEqual(protocol.receive(notification("synchronized", { head: 1 })), []);
    assert.deepEqual(protocol.request(1, "session.list", {}), []);
  });

  it("answered with another protocol ends with 4406", () => {
    const { code, error } = closed(greeted().receive(welcome({ protocol: 2 })));
    assert.equal(code, 4406);
    assert.ok(error instanceof HandshakeRefused && error.reason === "protocol");
  });

  it("answered with an error is final, unless the error says retryable", () => {
    const refused = { code: -32602, key: "invalid_params", message: "no" };
    const final = closed(greeted().receive(encodeValue([1, 0, refused, null])));
    assert.ok(final.error instanceof HandshakeRefused);
    const busy = { ...refused, key: "overloaded", retryable: true };
    const retryable = closed(greeted().receive(encodeValue([1, 0, busy, null])));
    assert.ok(!(retryable.error instanceof HandshakeRefused));
    assert.equal(retryable.error.key, "overloaded");
  });

  it("must be answered before anything else is said", () => {
    const { code, error } = closed(greeted().receive(notification("synchronized", { head: 1 })));
    assert.equal(code, 4400);
    assert.ok(error instanceof ProtocolViolation);
  });

  it("with an answer that lacks a field ends the connection", () => {
    for (const change of [{ logId: "" }, { head: -1 }, { limits: null }, { server: 3 }]) {
      assert.equal(closed(greeted().receive(welcome(change))).code, 4400);
    }
  });
});

describe("protocol: an open connection", () => {
  it("hands on what the server says", () => {
    const protocol = opened();
    const body = Uint8Array.of(1);
    assert.deepEqual(signalled(protocol.receive(notification("events", { list: [[10, body]] }))), [
      { is: "events", list: [[10, body]] },
    ]);
    assert.deepEqual(signalled(protocol.receive(encodeValue([1, 5, null, {}]))), [
      { is: "answer", id: 5, answer: { ok: true, result: {} } },
    ]);
    assert.deepEqual(
      signalled(protocol.receive(notification("journal", { state: "full", message: "disk" }))),
      [{ is: "journal", state: "full", message: "disk" }],
    );
  });

  it("reads from a heartbeat that the journal is well again", () => {
    const beat = { head: 1, sent: 1, monoMs: 1, wallMs: 1 };
    assert.deepEqual(signalled(opened().receive(notification("heartbeat", beat)))[1], {
      is: "journal",
      state: "ok",
      message: null,
    });
    const full = signalled(
      opened().receive(notification("heartbeat", { ...beat, journal: "full" })),
    );
    assert.deepEqual(full[1], { is: "journal", state: "full", message: null });
  });

  it("ignores notifications that it does not know", () => {
    assert.deepEqual(opened().receive(notification("weather", { sunny: true })), []);
  });

  it("closes with the documented code on what must not come", () => {
    const code = (bytes: Uint8Array): number => closed(opened().receive(bytes)).code;
    assert.equal(code(Uint8Array.of(0xc1)), 1007);
    assert.equal(code(new Uint8Array(2001)), 1009);
    assert.equal(code(notification("events", { list: [[1, "text"]] })), 4400);
    assert.equal(code(notification("events", { list: [[-1, Uint8Array.of(1)]] })), 4400);
    assert.equal(code(notification("events", {})), 4400);
    assert.equal(code(encodeValue([0, 1, "ping", {}])), 4400);
    assert.equal(closed(opened().receiveText()).code, 1003);
  });

  it("joins chunks around control messages and reads the whole as one message", () => {
    const protocol = opened();
    const body = new Uint8Array(5000).fill(3);
    const whole = notification("events", { list: [[10, body]] });
    const part = (index: number, from: number, to?: number): Uint8Array =>
      notification("chunk", { cid: 1, index, count: 3, data: whole.subarray(from, to) });
    assert.deepEqual(protocol.receive(part(0, 0, 1800)), []);
    assert.equal(signalled(protocol.receive(encodeValue([1, 5, null, {}]))).length, 1);
    assert.deepEqual(protocol.receive(part(1, 1800, 3600)), []);
    assert.deepEqual(signalled(protocol.receive(part(2, 3600))), [
      { is: "events", list: [[10, body]] },
    ]);
  });

  it("cuts a request over messageBytes and refuses one over transferBytes", () => {
    const protocol = opened();
    const parts = protocol.request(1, "session.sendTurn", { input: "x".repeat(5000) });
    assert.ok(parts.length > 1);
    for (const part of parts) assert.ok(part.do === "send" && part.bytes.length <= 2000);
    assert.throws(
      () => protocol.request(2, "session.sendTurn", { input: "x".repeat(20_000) }),
      (error: unknown) => error instanceof SidecarError && error.key === "limit_exceeded",
    );
  });

  it("sends heartbeats, and closes a silent one with 4408", () => {
    const protocol = opened();
    const tickMs = protocol.startHeart(100, 0, 0);
    const outputs: Output[] = [];
    for (let now = tickMs; now <= 300; now += tickMs) outputs.push(...protocol.tick(now, now));
    const close = outputs.pop();
    assert.ok(close?.do === "close" && close.code === 4408);
    assert.deepEqual(
      sent(outputs).map((message) => (message as unknown[])[1]),
      ["heartbeat", "heartbeat"],
    );
  });
});
