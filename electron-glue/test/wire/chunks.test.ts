import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ProtocolViolation } from "../../src/errors.js";
import { ChunkJoiner, cutMessage } from "../../src/wire/chunks.js";
import { readMessage } from "../../src/wire/messages.js";
import type { Fields } from "../../src/wire/shape.js";

const MESSAGE_BYTES = 1024;

function message(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => index % 251);
}

function chunk(cid: number, index: number, count: number, data = Uint8Array.of(1)): Fields {
  return { cid, index, count, data };
}

function closeCode(action: () => unknown): number {
  try {
    action();
  } catch (error) {
    if (error instanceof ProtocolViolation) return error.closeCode;
    throw error;
  }
  return 0;
}

describe("chunks", () => {
  it("join to the same bytes, each within messageBytes", () => {
    const whole = message(10_000);
    const joiner = new ChunkJoiner(20_000);
    const parts = cutMessage(whole, 3, MESSAGE_BYTES);
    const results = parts.map((part) => {
      assert.ok(part.length <= MESSAGE_BYTES);
      const notification = readMessage(part);
      assert.ok(notification.kind === "notification" && notification.method === "chunk");
      return joiner.push(notification.params);
    });
    assert.deepEqual(results.slice(0, -1), Array(parts.length - 1).fill(null));
    assert.deepEqual(results.at(-1), whole);
    assert.equal(joiner.heldBytes, 0);
  });

  it("are refused out of turn with 4400", () => {
    for (const next of [chunk(1, 2, 3), chunk(1, 0, 3), chunk(2, 1, 3), chunk(1, 1, 4)]) {
      const joiner = new ChunkJoiner(100);
      joiner.push(chunk(1, 0, 3));
      assert.equal(
        closeCode(() => joiner.push(next)),
        4400,
      );
    }
    assert.equal(
      closeCode(() => new ChunkJoiner(100).push(chunk(1, 1, 3))),
      4400,
    );
  });

  it("are refused when empty, as any number of them would fit a byte bound", () => {
    assert.equal(
      closeCode(() => new ChunkJoiner(100).push(chunk(1, 0, 1e9, new Uint8Array()))),
      4400,
    );
    assert.equal(
      closeCode(() => new ChunkJoiner(100).push(chunk(1, 0, 0))),
      4400,
    );
  });

  it("over transferBytes are refused with 4413 before they are joined", () => {
    const joiner = new ChunkJoiner(1500);
    joiner.push(chunk(1, 0, 9, message(1000)));
    assert.equal(
      closeCode(() => joiner.push(chunk(1, 1, 9, message(1000)))),
      4413,
    );
  });

  it("do not keep the message alive that they came in", () => {
    const joiner = new ChunkJoiner(100);
    const source = message(50);
    joiner.push(chunk(1, 0, 2, source.subarray(0, 2)));
    source.fill(0xff);
    assert.deepEqual(joiner.push(chunk(1, 1, 2, Uint8Array.of(9))), Uint8Array.of(0, 1, 9));
  });
});
