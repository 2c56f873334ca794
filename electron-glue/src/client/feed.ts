/**
 * The ordered stream between the connection and the one consumer, as a pure queue.
 *
 * Owns order, exactly-once and the three places in the journal: *received* (queued here), *handed*
 * (taken by the consumer), *committed* (the consumer is done with it). It holds at most one credit
 * window; the server stops sending when the consumer stops taking. What was queued but not handed
 * when a connection ends is forgotten: the next connection resumes after what was handed.
 *
 * Never acks, never stores a cursor, never waits.
 */

import { LIMITS, type HelloResult, type SnapshotState } from "../generated/contract.js";
import type { Signal } from "../connection/signals.js";
import { ProtocolViolation } from "../errors.js";
import { EVENT_OVERHEAD_BYTES } from "../limits.js";
import type { Cursor, Position } from "./cursor.js";
import {
  readEvent,
  type GapItem,
  type SnapshotItem,
  type StreamItem,
  type SynchronizedItem,
} from "./items.js";

export type CommitMode = "auto" | "manual";

export interface FeedOptions {
  readonly cursor: Cursor | null;
  readonly mode: CommitMode;
  readonly creditBytes: number;
  /** The consumer has committed up to here. */
  readonly onCommit: (position: Position) => void;
  /** The consumer takes this item now. */
  readonly onHand?: (item: StreamItem) => void;
}

interface Entry {
  readonly entry: "event" | "advance" | "notice";
  readonly bytes: number;
  readonly seq: number;
  readonly body?: Uint8Array;
  readonly notice?: GapItem | SnapshotItem | SynchronizedItem;
  /** The place after this entry; absent where the entry does not move it. */
  readonly position?: Position;
}

export type StreamSignal = Extract<
  Signal,
  { is: "events" | "advance" | "gap" | "snapshot" | "synchronized" }
>;

/** Entries that are taken before the array behind the queue is cut. */
const COMPACT_AT = 1024;

export class Feed {
  readonly #mode: CommitMode;
  readonly #onCommit: (position: Position) => void;
  readonly #onHand: (item: StreamItem) => void;
  readonly #boundBytes: number;
  readonly #places = new WeakMap<StreamItem, Position>();
  #queue: Entry[] = [];
  #next = 0;
  #queuedBytes = 0;
  #handedBytes = 0;
  #duplicates = 0;

  /** Where the connection stands; null until it may carry events. */
  #received: Position | null = null;
  #handed: Position | null;
  #committed: Position | null;
  /** The place of the last item taken, which an advance may lie after. */
  #inHand: Position | null = null;
  #log = { logId: "", epoch: 0 };
  #lines = 0;
  #contiguous = false;

  constructor({ cursor, mode, creditBytes, onCommit, onHand }: FeedOptions) {
    this.#mode = mode;
    this.#onCommit = onCommit;
    this.#onHand = onHand ?? (() => undefined);
    // One window, its overdraft of one message, and as much again for what each entry costs here.
    this.#boundBytes = 2 * (creditBytes + LIMITS.TRANSFER_BYTES);
    this.#handed = cursor === null ? null : { ...cursor, line: 0 };
    this.#committed = this.#handed;
  }

  /** The last place that the consumer took: where a new connection resumes. */
  get handed(): Position | null {
    return this.#handed;
  }

  get committed(): Position | null {
    return this.#committed;
  }

  get received(): Position | null {
    return this.#received;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Bytes of all entries ever taken. */
  get handedBytes(): number {
    return this.#handedBytes;
  }

  /** Events that came again and were left out. */
  get duplicates(): number {
    return this.#duplicates;
  }

  /** A connection begins. `filtered`: its seqs may leave some out. */
  begin(welcome: HelloResult, filtered: boolean): void {
    this.#queue = [];
    this.#next = 0;
    this.#queuedBytes = 0;
    this.#contiguous = !filtered;
    this.#log = { logId: welcome.logId, epoch: welcome.epoch };
    this.#received = null;
    if (!welcome.resumed) return;
    if (this.#handed === null) throw new ProtocolViolation("Resumed, but no cursor was presented");
    this.#received = { ...this.#handed, ...this.#log };
  }

  /** The filter changes on a live connection: seqs may jump from here on. */
  loosen(): void {
    this.#contiguous = false;
  }

  /** Queue what the server said. Throws ProtocolViolation for what it must not say. */
  push(signal: StreamSignal): void {
    switch (signal.is) {
      case "events":
        for (const [seq, body] of signal.list) this.#pushEvent(seq, body);
        break;
      case "advance":
        this.#pushAdvance(signal.seq);
        break;
      case "gap": {
        const { from, to, reason } = signal;
        this.#enqueue({
          entry: "notice",
          bytes: 0,
          seq: 0,
          notice: { kind: "gap", from, to, reason },
        });
        break;
      }
      case "snapshot":
        this.#pushSnapshot(signal.at, signal.state, signal.bytes);
        break;
      case "synchronized": {
        const notice: SynchronizedItem = { kind: "synchronized", head: signal.head };
        this.#enqueue({ entry: "notice", bytes: 0, seq: 0, notice });
        break;
      }
    }
  }

  /**
   * The consumer asks for the next item; with `auto` that commits all it was handed before.
   * Returns null when nothing is queued.
   */
  take(): StreamItem | null {
    if (this.#mode === "auto") this.#commitTo(this.#handed);
    for (;;) {
      const entry = this.#shift();
      if (entry === null) return null;
      if (entry.entry === "advance") {
        this.#advance(entry);
        continue;
      }
      const item = entry.notice ?? readEvent(entry.seq, entry.body ?? new Uint8Array());
      this.#hand(entry.position);
      this.#inHand = this.#handed;
      if (this.#handed !== null) this.#places.set(item, this.#handed);
      this.#onHand(item);
      return item;
    }
  }

  /** With `manual`: the consumer is done with `item` and all before it. */
  commit(item: StreamItem): void {
    const place = this.#places.get(item);
    if (place === undefined) throw new TypeError("This item did not come from this stream");
    if (place.line !== this.#handed?.line) return;
    this.#commitTo(place === this.#inHand ? this.#handed : place);
  }

  #pushEvent(seq: number, body: Uint8Array): void {
    const received = this.#received;
    if (received === null) throw new ProtocolViolation("An event came before the snapshot");
    if (seq <= received.seq) {
      this.#duplicates += 1;
      return;
    }
    if (this.#contiguous && seq !== received.seq + 1) {
      throw new ProtocolViolation(`Event ${seq} came after ${received.seq}: some are missing`);
    }
    const position = { ...received, seq };
    this.#received = position;
    const bytes = body.length + EVENT_OVERHEAD_BYTES;
    this.#enqueue({ entry: "event", bytes, seq, body, position });
  }

  #pushAdvance(seq: number): void {
    if (this.#received === null) throw new ProtocolViolation("An advance came before the snapshot");
    if (seq <= this.#received.seq) return;
    const position = { ...this.#received, seq };
    this.#received = position;
    const last = this.#queue.at(-1);
    // Advances in a row are one, or an idle client's queue would grow with time.
    if (last?.entry === "advance" && this.#next < this.#queue.length) this.#queue.pop();
    this.#enqueue({ entry: "advance", bytes: 0, seq, position });
  }

  #pushSnapshot(at: number, state: object, bytes: number): void {
    this.#lines += 1;
    const position = { ...this.#log, seq: at, line: this.#lines };
    this.#received = position;
    const notice: SnapshotItem = {
      kind: "snapshot",
      at,
      ...this.#log,
      state: state as SnapshotState,
    };
    this.#enqueue({ entry: "notice", bytes, seq: at, notice, position });
  }

  #enqueue(entry: Entry): void {
    this.#queuedBytes += entry.bytes;
    if (this.#queuedBytes > this.#boundBytes) {
      throw new ProtocolViolation("The server sent more than the credit allows");
    }
    this.#queue.push(entry);
  }

  #shift(): Entry | null {
    const entry = this.#queue[this.#next];
    if (entry === undefined) return null;
    this.#next += 1;
    if (this.#next >= COMPACT_AT || this.#next === this.#queue.length) {
      this.#queue.splice(0, this.#next);
      this.#next = 0;
    }
    this.#queuedBytes -= entry.bytes;
    this.#handedBytes += entry.bytes;
    return entry;
  }

  #hand(position: Position | undefined): void {
    if (position === undefined) return;
    // A new line: what was committed on the old one says nothing about this one.
    if (position.line !== this.#handed?.line) this.#committed = null;
    this.#handed = position;
  }

  #advance(entry: Entry): void {
    const committedSeq = this.#committed?.seq ?? -1;
    const nothingInHand = this.#inHand === null || committedSeq >= this.#inHand.seq;
    this.#hand(entry.position);
    if (nothingInHand) this.#commitTo(this.#handed);
  }

  #commitTo(position: Position | null): void {
    if (position === null || position === this.#committed) return;
    if (this.#committed !== null && position.seq <= this.#committed.seq) return;
    this.#committed = position;
    this.#onCommit(position);
  }
}
