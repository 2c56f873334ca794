import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Committer } from "../../src/client/committer.js";
import type { Cursor, CursorStore, Position } from "../../src/client/cursor.js";
import type { SidecarError } from "../../src/errors.js";
import { CURSOR_SAVE_DEADLINE_MS } from "../../src/limits.js";
import { ManualClock } from "../support/clock.js";

const at = (seq: number): Position => ({ logId: "l", epoch: 1, seq, line: 0 });
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function committing(store: CursorStore | null) {
  const acks: number[] = [];
  const warnings: SidecarError[] = [];
  const clock = new ManualClock();
  const committer = new Committer({
    store,
    clock,
    ack: (position) => acks.push(position.seq),
    warn: (error) => warnings.push(error),
  });
  return { committer, acks, warnings, clock };
}

describe("committer", () => {
  it("joins the acks of a fast stream, but not an urgent one", () => {
    const { committer, acks, clock } = committing(null);
    committer.commit(at(1), false);
    committer.commit(at(2), false);
    clock.pass(1000);
    committer.commit(at(3), true);
    assert.deepEqual(acks, [2, 3]);
    assert.equal(clock.timers, 0);
  });

  it("acks what is stored, not what is committed", async () => {
    const saves: { cursor: Cursor; done: () => void }[] = [];
    const store = {
      load: () => null,
      save: (cursor: Cursor) =>
        new Promise<void>((resolve) => {
          saves.push({ cursor, done: resolve });
        }),
    };
    const { committer, acks, clock } = committing(store);
    for (const seq of [1, 2, 3]) committer.commit(at(seq), true);
    clock.pass(1000);
    assert.deepEqual(acks, []);
    assert.equal(saves.length, 1, "one save at a time");
    saves[0]!.done();
    await settled();
    clock.pass(1000);
    assert.deepEqual(acks, [1]);
    assert.deepEqual(saves[1]!.cursor, { logId: "l", epoch: 1, seq: 3 });
    saves[1]!.done();
    await settled();
    clock.pass(1000);
    assert.deepEqual(acks, [1, 3]);
  });

  it("reports a store that fails, and asks it again", async () => {
    let broken = true;
    const saved: number[] = [];
    const store = {
      load: () => null,
      save: (cursor: Cursor) => {
        if (broken) throw new Error("disk");
        saved.push(cursor.seq);
      },
    };
    const { committer, acks, warnings, clock } = committing(store);
    committer.commit(at(1), false);
    await settled();
    assert.deepEqual(
      warnings.map((warning) => warning.key),
      ["cursor_store"],
    );
    assert.deepEqual(acks, []);
    broken = false;
    clock.pass(1000);
    await settled();
    clock.pass(1000);
    assert.deepEqual([saved, acks], [[1], [1]]);
  });

  it("flushes at the end, and leaves no timer", async () => {
    const saved: number[] = [];
    const store = {
      load: () => null,
      save: async (cursor: Cursor) => {
        await settled();
        saved.push(cursor.seq);
      },
    };
    const { committer, acks, clock } = committing(store);
    committer.commit(at(1), false);
    committer.commit(at(2), false);
    await committer.flush();
    assert.deepEqual([saved, acks.at(-1)], [[1, 2], 2]);
    assert.equal(clock.timers, 0);
  });

  it("does not wait for ever for a store that hangs", async () => {
    const store = { load: () => null, save: () => new Promise<void>(() => undefined) };
    const { committer, warnings, clock } = committing(store);
    committer.commit(at(1), false);
    const flushed = committer.flush();
    await settled();
    clock.pass(CURSOR_SAVE_DEADLINE_MS);
    await flushed;
    assert.equal(warnings[0]?.key, "deadline_exceeded");
    assert.equal(clock.timers, 0);
  });
});
