import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Feed } from "../../src/client/feed.js";
import { EventStream } from "../../src/client/stream.js";
import { Replaced } from "../../src/errors.js";
import { rows } from "../support/log.js";

function streamed(): { feed: Feed; stream: EventStream; add: (from: number, to: number) => void } {
  const cursor = { logId: "log", epoch: 1, seq: 0 };
  const feed = new Feed({ cursor, mode: "auto", creditBytes: 65_536, onCommit: () => undefined });
  feed.begin({ resumed: true, logId: "log", epoch: 1 } as never, false);
  const stream = new EventStream(feed);
  const add = (from: number, to: number): void => {
    feed.push({ is: "events", list: rows(from, to) });
    stream.wake();
  };
  return { feed, stream, add };
}

const seqOf = (result: IteratorResult<unknown>): unknown =>
  (result.value as { seq: number } | undefined)?.seq;

describe("stream", () => {
  it("wakes the one who waits", async () => {
    const { stream, add } = streamed();
    const events = stream.iterate();
    const first = events.next();
    add(1, 2);
    assert.equal(seqOf(await first), 1);
    assert.equal(seqOf(await events.next()), 2);
  });

  it("has one consumer at a time, and one wait", async () => {
    const { stream, add } = streamed();
    const events = stream.iterate();
    assert.throws(() => stream.iterate(), /one consumer/);
    const first = events.next();
    await assert.rejects(events.next(), /before the last one had settled/);
    add(1, 1);
    assert.equal(seqOf(await first), 1);
  });

  it("goes on for the next consumer behind the last item", async () => {
    const { stream, add } = streamed();
    add(1, 3);
    for await (const item of stream.iterate()) {
      assert.equal((item as { seq: number }).seq, 1);
      break;
    }
    assert.equal(seqOf(await stream.iterate().next()), 2);
  });

  it("ends the wait of a consumer that leaves", async () => {
    const { stream } = streamed();
    const events = stream.iterate();
    const waiting = events.next();
    await events.return?.();
    assert.equal((await waiting).done, true);
    assert.equal((await events.next()).done, true);
  });

  it("delivers what is queued before the end, and tells the error once", async () => {
    const { stream, add } = streamed();
    add(1, 1);
    stream.finish(new Replaced());
    const events = stream.iterate();
    assert.equal(seqOf(await events.next()), 1);
    await assert.rejects(events.next(), Replaced);
    assert.equal((await events.next()).done, true);
  });
});
