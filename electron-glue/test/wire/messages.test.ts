import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ProtocolViolation } from "../../src/errors.js";
import { decodeValue, encodeValue } from "../../src/wire/codec.js";
import { notificationBytes, readMessage, requestBytes } from "../../src/wire/messages.js";

function violation(value: unknown): ProtocolViolation {
  try {
    readMessage(value instanceof Uint8Array ? value : encodeValue(value));
  } catch (error) {
    assert.ok(error instanceof ProtocolViolation);
    return error;
  }
  throw new assert.AssertionError({ message: "the message was taken" });
}

describe("messages", () => {
  it("writes requests and notifications in MessagePack-RPC's positions", () => {
    assert.deepEqual(decodeValue(requestBytes(7, "session.get", { threadId: "t" })), [
      0,
      7,
      "session.get",
      { threadId: "t" },
    ]);
    assert.deepEqual(decodeValue(notificationBytes("ack", { seq: 3 })), [2, "ack", { seq: 3 }]);
  });

  it("reads a result, an error and a notification", () => {
    assert.deepEqual(readMessage(encodeValue([1, 4, null, { at: 9 }])), {
      kind: "response",
      id: 4,
      answer: { ok: true, result: { at: 9 } },
    });
    const error = { code: -32010, key: "session_not_found", message: "No session", data: { a: 1 } };
    assert.deepEqual(readMessage(encodeValue([1, 4, error, null])), {
      kind: "response",
      id: 4,
      answer: { ok: false, error: { ...error, retryable: false } },
    });
    assert.deepEqual(readMessage(encodeValue([2, "advance", { seq: 1 }])), {
      kind: "notification",
      method: "advance",
      params: { seq: 1 },
    });
  });

  it("gives an error without fields the meaning of an internal one", () => {
    const message = readMessage(encodeValue([1, 4, {}, null]));
    assert.ok(message.kind === "response" && !message.answer.ok);
    assert.equal(message.answer.error.key, "internal");
    assert.equal(message.answer.error.code, -32603);
  });

  it("refuses bytes that are no MessagePack with 1007, other shapes with 4400", () => {
    assert.equal(violation(Uint8Array.of(0xc1)).closeCode, 1007);
    for (const value of [
      5,
      {},
      [],
      [0, 1, "method", {}],
      [1, -1, null, null],
      [1, 1.5, null, null],
      [1, 1, "error", null],
      [2, 5, {}],
      [2, "ack", 5],
    ]) {
      assert.equal(violation(value).closeCode, 4400, JSON.stringify(value));
    }
  });
});
