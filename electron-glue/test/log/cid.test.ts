import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, it } from "node:test";

import { cidOf, Whereabouts, type Correlation } from "../../src/log/cid.js";
import type { StreamItem } from "../../src/index.js";

interface Case {
  readonly parts: Correlation;
  readonly cid: string | null;
}

const CASES = JSON.parse(
  readFileSync(resolve("..", "tests", "fixtures", "correlation.json"), "utf8"),
) as Case[];

function event(type: string, generation: number, turnId?: string): StreamItem {
  const stamps = { eventId: "e", provider: "p", createdAt: "", payload: {} };
  const made = { ...stamps, type, threadId: "t1", generation, ...(turnId && { turnId }) };
  return { kind: "event", seq: 1, event: made } as unknown as StreamItem;
}

describe("a correlation id", () => {
  for (const { parts, cid } of CASES) {
    it(`is written as the sidecar writes it: ${String(cid)}`, () => {
      assert.equal(cidOf(parts) ?? null, cid);
    });
  }

  it("has bounded parts", () => {
    assert.equal(cidOf({ thread: "t".repeat(1000) }), "t".repeat(120));
  });

  it("of a call has the generation and the turn that the consumer has come to", () => {
    const places = new Whereabouts();
    assert.deepEqual(cidOf(places.about({ threadId: "t1" })), "t1");
    places.note(event("session.configured", 2));
    places.note(event("turn.started", 2, "turn-9"));
    assert.equal(cidOf(places.about({ threadId: "t1", requestId: "r" })), "t1/2/turn-9/r");
    places.note(event("turn.completed", 2, "turn-9"));
    assert.equal(cidOf(places.about({ threadId: "t1" })), "t1/2");
    assert.equal(cidOf(places.about({ threadId: "t1", turnId: "turn-10" })), "t1/2/turn-10");
    places.note(event("session.configured", 3));
    assert.equal(cidOf(places.about({ threadId: "t1" })), "t1/3");
    assert.equal(cidOf(places.about({})), undefined);
    assert.equal(cidOf(places.about({ threadId: 7 })), undefined);
  });
});
