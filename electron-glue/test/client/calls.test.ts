import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Calls, type Carrier } from "../../src/client/calls.js";
import { ConnectionLost, DeadlineExceeded, Disconnected, SidecarError } from "../../src/errors.js";
import { ManualClock } from "../support/clock.js";

class FakeCarrier implements Carrier {
  open = true;
  readonly sent: [number, string, object][] = [];
  readonly cancelled: number[] = [];

  request(id: number, method: string, params: object): void {
    this.sent.push([id, method, params]);
  }

  cancel(id: number): void {
    this.cancelled.push(id);
  }
}

const LOST = new Disconnected(1006, "");
const spec = (method: string, repeatable = false) => ({
  method,
  params: { method },
  repeatable,
  deadlineMs: 1000,
});
const answered = (result: unknown) => ({ ok: true as const, result });

describe("calls", () => {
  it("are answered by id, in any order", async () => {
    const calls = new Calls(new ManualClock());
    const carrier = new FakeCarrier();
    calls.attach(carrier);
    const [one, two] = [calls.start(spec("a")), calls.start(spec("b"))];
    calls.answer(2, answered("second"));
    calls.answer(1, answered("first"));
    assert.deepEqual(await Promise.all([one, two]), ["first", "second"]);
    assert.equal(calls.size, 0);
  });

  it("wait for a connection and go out with it", async () => {
    const calls = new Calls(new ManualClock());
    const one = calls.start(spec("a"));
    const carrier = new FakeCarrier();
    calls.attach(carrier);
    assert.deepEqual(carrier.sent, [[1, "a", { method: "a" }]]);
    calls.answer(1, answered({}));
    await one;
  });

  it("with a key go out again with the same params, others are told that it was lost", async () => {
    const calls = new Calls(new ManualClock());
    calls.attach(new FakeCarrier());
    const keyed = calls.start(spec("session.start", true));
    const plain = calls.start(spec("session.stop"));
    calls.detach(LOST);
    await assert.rejects(plain, (error: unknown) => {
      assert.ok(error instanceof ConnectionLost);
      assert.deepEqual(error.data, { method: "session.stop" });
      return error.cause === LOST;
    });
    const waiting = calls.start(spec("session.list"));
    const next = new FakeCarrier();
    calls.attach(next);
    assert.deepEqual(
      next.sent.map(([, method]) => method),
      ["session.start", "session.list"],
    );
    calls.answer(1, answered("started"));
    calls.answer(3, answered("listed"));
    assert.deepEqual(await Promise.all([keyed, waiting]), ["started", "listed"]);
  });

  it("end at their deadline, and the sidecar is told", async () => {
    const clock = new ManualClock();
    const calls = new Calls(clock);
    const carrier = new FakeCarrier();
    calls.attach(carrier);
    const late = calls.start(spec("a"));
    clock.pass(1000);
    await assert.rejects(late, DeadlineExceeded);
    assert.deepEqual(carrier.cancelled, [1]);
    calls.answer(1, answered("too late"));
    assert.equal(clock.timers, 0);
  });

  it("end with the reason of the signal, and the sidecar is told if it knows of them", async () => {
    const clock = new ManualClock();
    const calls = new Calls(clock);
    const unsent = new AbortController();
    const waiting = calls.start({ ...spec("a"), signal: unsent.signal });
    unsent.abort(new Error("no more"));
    await assert.rejects(waiting, /no more/);
    const carrier = new FakeCarrier();
    calls.attach(carrier);
    const sent = new AbortController();
    const under = calls.start({ ...spec("b"), signal: sent.signal });
    sent.abort();
    await assert.rejects(under, { name: "AbortError" });
    assert.deepEqual(carrier.cancelled, [2]);
    await assert.rejects(calls.start({ ...spec("c"), signal: sent.signal }), {
      name: "AbortError",
    });
    assert.equal(carrier.sent.length, 1);
    assert.equal(clock.timers, 0);
  });

  it("reject with the sidecar's error", async () => {
    const calls = new Calls(new ManualClock());
    calls.attach(new FakeCarrier());
    const one = calls.start(spec("a"));
    const error = {
      code: -32001,
      key: "overloaded",
      message: "busy",
      retryable: true,
      data: { n: 1 },
    };
    calls.answer(1, { ok: false, error });
    await assert.rejects(one, (why: unknown) => {
      assert.ok(why instanceof SidecarError);
      assert.deepEqual(
        {
          code: why.code,
          key: why.key,
          message: why.message,
          retryable: why.retryable,
          data: why.data,
        },
        error,
      );
      return true;
    });
  });

  it("are bounded", async () => {
    const calls = new Calls(new ManualClock());
    const open = Array.from({ length: 256 }, () => calls.start(spec("a")));
    await assert.rejects(calls.start(spec("a")), { key: "overloaded" });
    calls.fail(LOST);
    const ends = await Promise.allSettled(open);
    assert.ok(ends.every((end) => end.status === "rejected" && end.reason === LOST));
  });

  it("that cannot be sent fail alone", async () => {
    const calls = new Calls(new ManualClock());
    const carrier = new FakeCarrier();
    carrier.request = () => {
      throw new RangeError("too large");
    };
    calls.attach(carrier);
    await assert.rejects(calls.start(spec("a")), /too large/);
    assert.equal(calls.size, 0);
  });
});
