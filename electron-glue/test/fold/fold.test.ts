import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { EVENT_FLAGS, Fold, type EventType, type SidecarEvent } from "../../src/index.js";
import { EXITED_SESSIONS } from "../../src/fold/bounds.js";
import { DELTAS, RULES } from "../../src/fold/rules.js";
import { decodeValue, encodeValue } from "../../src/wire/codec.js";
import { goldenFiles } from "../support/golden.js";

const GOLDEN = goldenFiles();

function folded(events: readonly SidecarEvent[], fold = new Fold()): Fold {
  for (const event of events) fold.apply(event);
  return fold;
}

/** As it crosses the wire. */
const overWire = <T>(value: T): T => decodeValue(encodeValue(value)) as T;

function event(type: EventType, payload: object, more: object = {}): SidecarEvent {
  return {
    eventId: "e",
    provider: "demo",
    threadId: "t1",
    createdAt: "2026-01-01T00:00:00.000Z",
    generation: 1,
    type,
    payload,
    ...more,
  } as SidecarEvent;
}

describe("fold", () => {
  for (const { name, about, events, expected } of GOLDEN) {
    it(`says what the sidecar's fold says: ${name} (${about})`, () => {
      assert.deepEqual(folded(events).snapshot(), expected);
    });
  }

  it("has golden files, and a rule for each type that the contract flags", () => {
    assert.ok(GOLDEN.length >= 10, `${GOLDEN.length} golden files`);
    const flagged = Object.entries(EVENT_FLAGS).filter(([, { fold }]) => fold);
    assert.deepEqual(Object.keys(RULES).sort(), flagged.map(([type]) => type).sort());
    assert.deepEqual(Object.keys(DELTAS).sort(), ["content.delta", "turn.proposed.delta"]);
  });

  it("goes on from a snapshot to the same end", () => {
    for (const { name, events, expected } of GOLDEN) {
      // What a snapshot does not tell: forgotten and loose things, and how streams alternated.
      if (["items.json", "many_items.json", "runs.json", "text_bound.json"].includes(name))
        continue;
      for (let at = 0; at <= events.length; at += Math.max(1, Math.floor(events.length / 40))) {
        const state = overWire(folded(events.slice(0, at)).snapshot());
        if (isAfterExit(state)) continue;
        const fold = folded(events.slice(at), Fold.from(state));
        assert.deepEqual(fold.snapshot(), expected, `${name} from ${at}`);
      }
    }
  });

  it("forgets who exited first above the bound, and never who is parked for that", () => {
    const parked = event("session.state.changed", { state: "stopped", detail: { kind: "parked" } });
    const events = [parked, event("session.exited", {})];
    for (let n = 0; n <= EXITED_SESSIONS; n++)
      events.push(event("session.exited", {}, { threadId: `ended-${n}` }));
    const left = Object.keys(folded(events).snapshot().sessions);
    assert.equal(left.length, EXITED_SESSIONS + 1);
    assert.deepEqual(left.slice(0, 2), ["t1", "ended-1"]);
    const again = Fold.from(overWire(folded(events).snapshot()));
    again.apply(event("session.exited", {}, { threadId: "one more" }));
    assert.deepEqual(Object.keys(again.snapshot().sessions).slice(0, 2), ["t1", "ended-2"]);
  });

  it("takes the items of a stream: a snapshot replaces everything", () => {
    const fold = folded([event("session.state.changed", { state: "ready" }, { threadId: "old" })]);
    const state = folded([event("turn.started", {}, { turnId: "u1" })]).snapshot();
    fold.take({ kind: "snapshot", at: 1, epoch: 1, logId: "l", state });
    fold.take({
      kind: "event",
      seq: 2,
      event: event("content.delta", { streamKind: "assistant_text", delta: "hi" }),
    });
    fold.take({ kind: "synchronized", head: 2 });
    assert.deepEqual(Object.keys(fold.snapshot().sessions), ["t1"]);
    const [item] = fold.session("t1")?.activeTurn?.items ?? [];
    assert.deepEqual(item?.text, { assistant_text: "hi" });
    assert.equal(fold.session("old"), undefined);
  });

  it("shows the threads that are asked for", () => {
    const fold = folded(
      ["a", "b"].map((threadId) =>
        event("session.state.changed", { state: "ready" }, { threadId }),
      ),
    );
    assert.deepEqual(Object.keys(fold.snapshot(["b", "none"]).sessions), ["b"]);
  });

  it("never throws for what an event says", () => {
    for (const type of Object.keys(EVENT_FLAGS) as EventType[]) {
      for (const payload of [{}, { config: 5, detail: [], taskId: 7, delta: 9, usage: null }]) {
        folded([
          event("turn.started", {}, { turnId: "u" }),
          event(type, payload, { turnId: "u", itemId: "i", requestId: "r" }),
        ]).snapshot();
      }
    }
  });

  it("is not fooled by names of JavaScript's own", () => {
    const threadId = "__proto__";
    const fold = folded([
      event("turn.started", {}, { turnId: "constructor", threadId }),
      event("task.started", { taskId: "__proto__", description: "d" }, { threadId }),
    ]);
    fold.apply(event("constructor" as EventType, {}, { threadId: "x" }));
    const { sessions } = fold.snapshot();
    assert.deepEqual(Object.keys(sessions), ["__proto__"]);
    assert.equal(Object.getPrototypeOf(sessions), Object.prototype);
  });
});

/** After an exit the sidecar says no more of a generation; a snapshot does not tell that it did. */
function isAfterExit(state: { sessions: Readonly<Record<string, { status: string }>> }): boolean {
  return Object.values(state.sessions).some(
    ({ status }) => status === "closed" || status === "error",
  );
}
