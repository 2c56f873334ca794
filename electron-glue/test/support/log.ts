/** A journal of made-up events for the fake server. */

import { encodeValue } from "../../src/wire/codec.js";

export type Row = readonly [seq: number, body: Uint8Array];

export function eventBody(seq: number, threadId = "t1", delta = `d${seq};`): Uint8Array {
  return encodeValue({
    eventId: `e${seq}`,
    provider: "demo",
    threadId,
    createdAt: "2026-01-01T00:00:00.000Z",
    type: "content.delta",
    payload: { streamKind: "assistant_text", delta },
    generation: 1,
    itemId: "i1",
  });
}

/** Rows `from`…`to`. */
export function rows(from: number, to: number, delta?: string): Row[] {
  return Array.from({ length: to - from + 1 }, (_, index) => [
    from + index,
    eventBody(from + index, "t1", delta),
  ]);
}
