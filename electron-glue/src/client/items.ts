/** What the event stream delivers, in order. */

import type {
  Ephemeral,
  EphemeralTopic,
  GapReason,
  SidecarEvent,
  SnapshotState,
} from "../generated/contract.js";
import { MalformedEvent } from "../errors.js";
import { decodeValue } from "../wire/codec.js";
import { isMap } from "../wire/shape.js";

/** One event of a session. */
export interface EventItem {
  readonly kind: "event";
  readonly seq: number;
  readonly event: SidecarEvent;
}

/** In an event's place when its body does not decode: nothing is hidden, nothing is thrown. */
export interface MalformedItem {
  readonly kind: "malformed";
  readonly seq: number;
  readonly error: MalformedEvent;
  readonly body: Uint8Array;
}

/** Events `from`…`to` are lost to this client; the snapshot that follows stands for them. */
export interface GapItem {
  readonly kind: "gap";
  readonly from: number;
  readonly to: number;
  readonly reason: GapReason;
}

/** The state of everything at seq `at`: replaces whatever the consumer had. */
export interface SnapshotItem {
  readonly kind: "snapshot";
  readonly at: number;
  readonly epoch: number;
  readonly logId: string;
  readonly state: SnapshotState;
}

/** The stream has caught up with `head`; what follows is live. */
export interface SynchronizedItem {
  readonly kind: "synchronized";
  readonly head: number;
}

export type StreamItem = EventItem | MalformedItem | GapItem | SnapshotItem | SynchronizedItem;

/** What has no seq: an event of a type that is not journalled, metrics, progress. */
export interface EphemeralItem {
  readonly topic: EphemeralTopic;
  /** With topic `event`; null when its body does not decode. */
  readonly event: SidecarEvent | null;
  readonly data: unknown;
}

export function readEphemeral({ topic, event, data }: Ephemeral): EphemeralItem {
  const item = event instanceof Uint8Array ? readEvent(0, event) : null;
  return { topic, event: item?.kind === "event" ? item.event : null, data };
}

const REQUIRED_TEXTS = ["eventId", "provider", "threadId", "createdAt", "type"] as const;

/** Decode an event's body. A body that does not fit becomes a `malformed` item. */
export function readEvent(seq: number, body: Uint8Array): EventItem | MalformedItem {
  try {
    const value = decodeValue(body);
    const missing = missingField(value);
    if (missing === null) return { kind: "event", seq, event: value as SidecarEvent };
    return { kind: "malformed", seq, body, error: new MalformedEvent(seq, missing) };
  } catch (cause) {
    const error = new MalformedEvent(seq, "its body is not MessagePack", cause);
    return { kind: "malformed", seq, body, error };
  }
}

function missingField(value: unknown): string | null {
  if (!isMap(value)) return "its body is not a map";
  for (const name of REQUIRED_TEXTS) {
    const text = value[name];
    if (typeof text !== "string" || text === "") return `it has no ${name}`;
  }
  return isMap(value["payload"]) ? null : "it has no payload";
}
