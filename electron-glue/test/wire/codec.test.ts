import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { decodeValue, encodeValue } from "../../src/wire/codec.js";

const bytes = (...list: number[]): Uint8Array => Uint8Array.from(list);

describe("codec", () => {
  it("carries integers exactly up to 2^53−1", () => {
    for (const value of [0, 127, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      assert.equal(decodeValue(encodeValue(value)), value);
    }
    const uint64 = bytes(0xcf, 0x00, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    assert.deepEqual(encodeValue(Number.MAX_SAFE_INTEGER), uint64);
  });

  it("leaves undefined keys out, so that absent and nil are the same", () => {
    assert.deepEqual(decodeValue(encodeValue({ a: undefined, b: 1 })), { b: 1 });
  });

  it("gives bin as Uint8Array", () => {
    const value = decodeValue(encodeValue({ data: bytes(1, 2, 3) })) as { data: unknown };
    assert.ok(value.data instanceof Uint8Array);
    assert.deepEqual([...value.data], [1, 2, 3]);
  });

  it("refuses extension types both ways", () => {
    assert.throws(() => decodeValue(bytes(0xd6, 0xff, 0, 0, 0, 0)), /extension type -1/);
    assert.throws(() => decodeValue(bytes(0xd4, 0x05, 0)), /extension type 5/);
    assert.throws(() => encodeValue({ at: new Date() }), /ISO string/);
  });

  it("refuses truncated and trailing bytes", () => {
    const whole = encodeValue({ text: "hello" });
    assert.throws(() => decodeValue(whole.subarray(0, -1)));
    assert.throws(() => decodeValue(bytes(...whole, 0x01)));
    assert.throws(() => decodeValue(bytes()));
    assert.throws(() => decodeValue(bytes(0xc1)));
  });

  it("does not let a key __proto__ hide a value or touch a prototype", () => {
    // {"__proto__": {"x": 1}, "ok": true}
    const key = [...Buffer.from("__proto__")];
    const raw = bytes(0x82, 0xa9, ...key, 0x81, 0xa1, 0x78, 1, 0xa2, 0x6f, 0x6b, 0xc3);
    const value = decodeValue(raw) as Record<string, unknown>;
    assert.deepEqual(value, { "(__proto__)": { x: 1 }, ok: true });
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
  });

  it("refuses what is nested without end instead of recursing", () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    assert.throws(() => encodeValue(cycle), /Too deep/);
    const deep = new Uint8Array(200_000).fill(0x91);
    assert.throws(() => decodeValue(deep));
  });
});
