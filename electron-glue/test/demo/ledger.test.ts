import assert from "node:assert/strict";
import { resolve } from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";

/** What this test needs of demo/ledger.mjs. */
interface Ledger {
  events: number;
  lost: number;
  duplicated: number;
  gaps: number;
  enter(item: object): void;
  settleTurn(
    threadId: string,
    turnId: string,
    count: number,
  ): { missing: number[]; inOrder: boolean };
}

const path = pathToFileURL(resolve("demo", "ledger.mjs")).href;
const { Ledger } = (await import(path)) as { Ledger: new () => Ledger };

function delta(seq: number, text: string): object {
  const payload = { streamKind: "assistant_text", delta: text };
  const envelope = { type: "content.delta", threadId: "t", turnId: "u", generation: 1 };
  return { kind: "event", seq, event: { ...envelope, payload } };
}

function entered(...items: object[]): Ledger {
  const ledger = new Ledger();
  for (const item of [{ kind: "snapshot", at: 10 }, ...items]) ledger.enter(item);
  return ledger;
}

describe("the demo's ledger", () => {
  it("finds nothing wrong with a whole stream, also where deltas were merged", () => {
    const ledger = entered(delta(11, "0 123 xx"), delta(12, "1 124 xx2 125 xx"));
    assert.deepEqual(ledger.settleTurn("t", "u", 3).missing, []);
    assert.deepEqual([ledger.events, ledger.lost, ledger.duplicated], [2, 0, 0]);
  });

  it("counts what is lost and what comes twice by seq", () => {
    const ledger = entered(delta(11, ""), delta(11, ""), delta(15, ""));
    assert.deepEqual([ledger.lost, ledger.duplicated], [3, 1]);
  });

  it("counts what is lost and what comes twice by the identity of deltas", () => {
    const ledger = entered(delta(11, "0 1 x"), delta(12, "2 2 x"), delta(13, "2 3 x"));
    assert.deepEqual(ledger.settleTurn("t", "u", 4).missing, [1, 3]);
    assert.deepEqual([ledger.lost, ledger.duplicated], [2, 1]);
  });

  it("sees what came out of order, and gaps", () => {
    const ledger = entered(delta(11, "1 1 x"), delta(12, "0 2 x"), { kind: "gap" });
    assert.equal(ledger.settleTurn("t", "u", 2).inOrder, false);
    assert.equal(ledger.gaps, 1);
  });
});
