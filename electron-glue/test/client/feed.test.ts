import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Position } from "../../src/client/cursor.js";
import { Feed, type CommitMode } from "../../src/client/feed.js";
import type { StreamItem } from "../../src/client/items.js";
import type { HelloResult } from "../../src/generated/contract.js";
import { ProtocolViolation } from "../../src/errors.js";
import { eventBody, rows } from "../support/log.js";

const CREDIT = 65_536;

function welcome(change: Partial<HelloResult> = {}): HelloResult {
  return {
    protocol: 1,
    proof: new Uint8Array(),
    server: { version: "1", pid: 1, instance: "i" },
    logId: "log",
    epoch: 1,
    head: 0,
    oldest: 1,
    resumed: true,
    limits: { messageBytes: 1, transferBytes: 1, creditBytes: CREDIT, openRequests: 1 },
    heartbeatMs: 1000,
    ...change,
  };
}

interface Harness {
  feed: Feed;
  commits: number[];
}

function feedAt(seq: number | null, mode: CommitMode = "auto"): Harness {
  const commits: number[] = [];
  const cursor = seq === null ? null : { logId: "log", epoch: 1, seq };
  const onCommit = (position: Position): void => {
    commits.push(position.seq);
  };
  const feed = new Feed({ cursor, mode, creditBytes: CREDIT, onCommit });
  feed.begin(welcome({ resumed: seq !== null }), false);
  return { feed, commits };
}

const events = (from: number, to: number) => ({ is: "events" as const, list: rows(from, to) });
const snapshot = (at: number) => ({
  is: "snapshot" as const,
  at,
  epoch: 1,
  state: { sessions: {} },
  bytes: 10,
});

function takeAll(feed: Feed): string[] {
  const taken: string[] = [];
  for (let item = feed.take(); item !== null; item = feed.take()) taken.push(label(item));
  return taken;
}

function label(item: StreamItem): string {
  if (item.kind === "event" || item.kind === "malformed") return `${item.kind} ${item.seq}`;
  return item.kind === "snapshot" ? `snapshot ${item.at}` : item.kind;
}

describe("feed: order", () => {
  it("delivers in order, and leaves out what comes again", () => {
    const { feed } = feedAt(5);
    feed.push(events(6, 8));
    feed.push(events(7, 9));
    assert.deepEqual(takeAll(feed), ["event 6", "event 7", "event 8", "event 9"]);
    assert.equal(feed.duplicates, 2);
  });

  it("refuses a stream in which events are missing, unless it is filtered", () => {
    const { feed } = feedAt(5);
    assert.throws(() => {
      feed.push(events(7, 7));
    }, ProtocolViolation);
    feed.begin(welcome(), true);
    feed.push(events(7, 7));
    assert.deepEqual(takeAll(feed), ["event 7"]);
  });

  it("refuses events before the snapshot that must precede them", () => {
    const { feed } = feedAt(null);
    assert.throws(() => {
      feed.push(events(1, 1));
    }, ProtocolViolation);
  });

  it("refuses a resume that it did not ask for", () => {
    const { feed } = feedAt(null);
    assert.throws(() => {
      feed.begin(welcome({ resumed: true }), false);
    }, ProtocolViolation);
  });

  it("puts gap, snapshot, synchronized and events in their order", () => {
    const { feed } = feedAt(5);
    feed.begin(welcome({ resumed: false, epoch: 2 }), false);
    feed.push({ is: "gap", from: 6, to: 20, reason: "too_old" });
    feed.push(snapshot(20));
    feed.push(events(21, 21));
    feed.push({ is: "synchronized", head: 21 });
    feed.push(events(22, 22));
    assert.deepEqual(takeAll(feed), ["gap", "snapshot 20", "event 21", "synchronized", "event 22"]);
    assert.deepEqual(
      { logId: feed.committed?.logId, epoch: feed.committed?.epoch, seq: feed.committed?.seq },
      { logId: "log", epoch: 2, seq: 22 },
    );
  });

  it("puts a malformed event in its place and goes on", () => {
    const { feed } = feedAt(0);
    const list = [
      [1, Uint8Array.of(0xc1)],
      [2, Uint8Array.of(0x80)],
      [3, eventBody(3)],
    ] as const;
    feed.push({ is: "events", list });
    const first = feed.take();
    assert.ok(first?.kind === "malformed");
    assert.equal(first.error.key, "malformed_event");
    assert.deepEqual(first.error.data, { seq: 1 });
    assert.deepEqual(takeAll(feed), ["malformed 2", "event 3"]);
    assert.equal(feed.committed?.seq, 3);
  });

  it("refuses what is far over the credit", () => {
    const { feed } = feedAt(0);
    const body = new Uint8Array(64 * 1024 * 1024);
    feed.push({ is: "events", list: [[1, body]] });
    assert.throws(() => {
      feed.push({ is: "events", list: [2, 3].map((seq) => [seq, body] as const) });
    }, /more than the credit/);
  });
});

describe("feed: places", () => {
  it("auto commits an item when the next one is asked for", () => {
    const { feed, commits } = feedAt(5);
    feed.push(events(6, 7));
    feed.take();
    assert.deepEqual(commits, []);
    feed.take();
    assert.deepEqual(commits, [6]);
    assert.equal(feed.take(), null);
    assert.deepEqual(commits, [6, 7]);
  });

  it("manual commits what it is told, and all before it, once", () => {
    const { feed, commits } = feedAt(5, "manual");
    feed.push(events(6, 8));
    const [first, second, third] = [feed.take(), feed.take(), feed.take()];
    assert.equal(feed.take(), null);
    assert.deepEqual(commits, []);
    feed.commit(second!);
    feed.commit(first!);
    feed.commit(third!);
    assert.deepEqual(commits, [7, 8]);
  });

  it("resumes after what was handed, and forgets what was queued", () => {
    const { feed } = feedAt(5);
    feed.push(events(6, 9));
    feed.take();
    feed.take();
    assert.deepEqual([feed.handed?.epoch, feed.handed?.seq], [1, 7]);
    feed.begin(welcome({ epoch: 2 }), false);
    assert.equal(feed.queuedBytes, 0);
    feed.push(events(8, 10));
    assert.deepEqual(takeAll(feed), ["event 8", "event 9", "event 10"]);
    assert.deepEqual([feed.handed?.epoch, feed.handed?.seq], [2, 10]);
    assert.equal(feed.duplicates, 0);
  });

  it("never commits an old line's seq on the line of a new snapshot", () => {
    const { feed, commits } = feedAt(90, "manual");
    feed.push(events(91, 95));
    const old = feed.take()!;
    feed.begin(welcome({ resumed: false, epoch: 2 }), false);
    feed.push(snapshot(93));
    const fresh = feed.take()!;
    feed.commit(old);
    assert.deepEqual(commits, []);
    feed.commit(fresh);
    assert.deepEqual(commits, [93]);
  });

  it("moves on by an advance once everything before it is committed", () => {
    const { feed, commits } = feedAt(5, "manual");
    feed.begin(welcome(), true);
    feed.push(events(8, 8));
    feed.push({ is: "advance", seq: 20 });
    const item = feed.take()!;
    assert.equal(feed.take(), null);
    assert.deepEqual(commits, []);
    feed.commit(item);
    feed.push({ is: "advance", seq: 30 });
    assert.equal(feed.take(), null);
    assert.deepEqual(commits, [20, 30]);
  });

  it("keeps an idle client's advances in one place", () => {
    const { feed, commits } = feedAt(5);
    feed.begin(welcome(), true);
    for (let seq = 6; seq < 5000; seq += 1) feed.push({ is: "advance", seq });
    assert.equal(feed.take(), null);
    assert.deepEqual(commits, [4999]);
  });

  it("keeps order and count over many items", () => {
    const { feed } = feedAt(0);
    feed.push(events(1, 3000));
    for (let seq = 1; seq <= 1500; seq += 1) assert.equal(label(feed.take()!), `event ${seq}`);
    feed.push(events(3001, 5000));
    const rest = takeAll(feed);
    assert.equal(rest.length, 3500);
    assert.equal(rest.at(-1), "event 5000");
    assert.equal(feed.queuedBytes, 0);
  });
});
