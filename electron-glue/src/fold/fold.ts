/**
 * The fold: what a stream of events says about every session now.
 *
 * The same rules as the sidecar's own fold (sidecar/core/fold, where they stand in full), held to
 * it by the same golden files: so an app keeps a snapshot current without asking again. Pure and
 * deterministic; never throws for what an event says.
 */

import type { StreamItem } from "../client/items.js";
import type { SessionSnapshot, SidecarEvent, SnapshotState } from "../generated/contract.js";
import { dropFirst, EXITED_SESSIONS, FORGOTTEN, PARKED_SESSIONS } from "./bounds.js";
import { DELTAS, RULES } from "./rules.js";
import { SessionFold } from "./state.js";

type AnyRule = (session: SessionFold, event: SidecarEvent) => void;

// Maps: a type "constructor" must find nothing.
const counts = new Map(Object.entries(RULES)) as ReadonlyMap<string, AnyRule>;
const streams = new Map(Object.entries(DELTAS)) as ReadonlyMap<string, AnyRule>;

export class Fold {
  #sessions = new Map<string, SessionFold>();
  #exited = new Set<string>();
  #parked = new Set<string>();
  #forgotten = new Map<string, number>();

  /** Begin from a snapshot. */
  static from(state: SnapshotState): Fold {
    const fold = new Fold();
    fold.#load(state);
    return fold;
  }

  /** Take the next item of the stream: a snapshot replaces everything, an event is applied. */
  take(item: StreamItem): void {
    if (item.kind === "snapshot") this.#load(item.state);
    else if (item.kind === "event") this.apply(item.event);
  }

  /** Take the next event (G1 to G5). */
  apply(event: SidecarEvent): void {
    const counted = counts.get(event.type);
    const rule = counted ?? streams.get(event.type);
    if (rule === undefined) return;
    const session = this.#sessions.get(event.threadId) ?? this.#create(event);
    if (session === null || event.generation < session.generation) return;
    if (event.generation > session.generation) {
      this.#exited.delete(session.threadId);
      this.#parked.delete(session.threadId);
      session.beginGeneration(event.generation, event.provider, event.providerInstanceId);
    } else if (session.exited) {
      return;
    }
    if (counted !== undefined) session.updatedAt = event.createdAt;
    rule(session, event);
    if (session.exited) this.#noteExit(session);
  }

  /** One session as a snapshot shows it; undefined for an unknown one. */
  session(threadId: string): SessionSnapshot | undefined {
    return this.#sessions.get(threadId)?.snapshot(this.#children().get(threadId) ?? []);
  }

  /** All sessions, or those of `threads` that exist. */
  snapshot(threads?: readonly string[]): SnapshotState {
    const children = this.#children();
    const wanted = threads === undefined ? null : new Set(threads);
    const shown = [...this.#sessions]
      .filter(([threadId]) => wanted?.has(threadId) ?? true)
      .map(
        ([threadId, session]) =>
          [threadId, session.snapshot(children.get(threadId) ?? [])] as const,
      );
    return { sessions: Object.fromEntries(shown) };
  }

  #load(state: SnapshotState): void {
    this.#sessions = new Map();
    this.#exited = new Set();
    this.#parked = new Set();
    this.#forgotten = new Map();
    for (const [threadId, shown] of Object.entries(state.sessions)) {
      this.#sessions.set(threadId, SessionFold.load(shown));
      // A snapshot does not tell who has exited, nor when; this is for the bound of E1 alone.
      if (shown.status === "closed") (shown.parked ? this.#parked : this.#exited).add(threadId);
    }
  }

  /** Sessions that name a session as parent, in their order of creation (S8). */
  #children(): Map<string, string[]> {
    const children = new Map<string, string[]>();
    for (const { threadId, parent } of this.#sessions.values()) {
      if (parent === undefined) continue;
      const list = children.get(parent);
      if (list === undefined) children.set(parent, [threadId]);
      else list.push(threadId);
    }
    return children;
  }

  /** Make a session from what an event knows (G2); null for a late one (E2). */
  #create(event: SidecarEvent): SessionFold | null {
    if (event.generation <= (this.#forgotten.get(event.threadId) ?? 0)) return null;
    this.#forgotten.delete(event.threadId);
    const session = new SessionFold(event);
    this.#sessions.set(event.threadId, session);
    return session;
  }

  /** Keep ended sessions up to the bound, the oldest end first out (E1). */
  #noteExit({ threadId, parked }: SessionFold): void {
    const kept = parked ? this.#parked : this.#exited;
    kept.add(threadId);
    if (kept.size <= (parked ? PARKED_SESSIONS : EXITED_SESSIONS)) return;
    const [oldest] = kept;
    if (oldest !== undefined) this.#forget(oldest);
  }

  #forget(threadId: string): void {
    const session = this.#sessions.get(threadId);
    this.#sessions.delete(threadId);
    this.#exited.delete(threadId);
    this.#parked.delete(threadId);
    if (session === undefined) return;
    this.#forgotten.delete(threadId);
    this.#forgotten.set(threadId, session.generation);
    dropFirst(this.#forgotten, FORGOTTEN);
  }
}
