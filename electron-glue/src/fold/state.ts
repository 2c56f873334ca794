/** What the fold keeps of a session, and how a snapshot shows it and is read back. */

import type {
  ActiveTurn,
  ItemStatus,
  ItemType,
  PendingRequest,
  Restarts,
  RuntimeMode,
  SessionSnapshot,
  SessionState,
  SessionStatus,
} from "../generated/contract.js";
import { TextWindow } from "./text.js";

/** `mentioned` by a delta alone, `open` (started or updated), or `done`. */
export type ItemPhase = "mentioned" | "open" | "done";

export interface ItemFold {
  itemType: ItemType;
  status: ItemStatus;
  phase: ItemPhase;
}

/** The running turn, its items in order of first mention, and its text. */
export interface TurnFold {
  readonly turnId: string;
  readonly startedAt: string;
  readonly items: Map<string, ItemFold>;
  readonly text: TextWindow;
  itemsDropped: boolean;
}

export type TaskFold = Readonly<Record<string, unknown>>;

export const STATUS_OF_STATE: Readonly<Record<SessionState, SessionStatus>> = {
  starting: "connecting",
  ready: "ready",
  running: "running",
  waiting: "running",
  error: "error",
  stopped: "closed",
};

const STATE_OF_STATUS: Readonly<Record<SessionStatus, SessionState>> = {
  connecting: "starting",
  ready: "ready",
  running: "running",
  error: "error",
  closed: "stopped",
};

/** What a new session knows of itself. */
export interface Birth {
  readonly threadId: string;
  readonly provider: string;
  readonly generation: number;
  readonly createdAt: string;
  readonly providerInstanceId?: string | undefined;
}

export class SessionFold {
  readonly threadId: string;
  readonly createdAt: string;
  provider: string;
  providerInstanceId: string | undefined;
  generation: number;
  updatedAt: string;
  state: SessionState = "starting";
  exited = false;
  runtimeMode: RuntimeMode = "approval-required";
  cwd: string | undefined;
  model: string | undefined;
  parent: string | undefined;
  resumeCursor: unknown = null;
  lastError: string | undefined;
  usage: unknown = null;
  restarts: Restarts = {};
  parked = false;
  turn: TurnFold | null = null;
  looseItems = new Map<string, ItemFold>();
  requests = new Map<string, PendingRequest>();
  tasks = new Map<string, TaskFold>();

  constructor({ threadId, provider, generation, createdAt, providerInstanceId }: Birth) {
    this.threadId = threadId;
    this.provider = provider;
    this.generation = generation;
    this.createdAt = createdAt;
    this.updatedAt = createdAt;
    this.providerInstanceId = providerInstanceId;
  }

  /** Forget what belonged to the generation before (G3). */
  beginGeneration(generation: number, provider: string, providerInstanceId?: string): void {
    this.generation = generation;
    this.provider = provider;
    this.providerInstanceId = providerInstanceId;
    this.state = "starting";
    this.exited = false;
    this.cwd = undefined;
    this.parent = undefined;
    this.restarts = {};
    this.parked = false;
    this.dropOpen();
  }

  /** Forget the turn and all that is open. */
  dropOpen(): void {
    this.turn = null;
    this.looseItems = new Map();
    this.requests = new Map();
    this.tasks = new Map();
  }

  /** The session as a snapshot carries it: what has its default is left out. */
  snapshot(children: readonly string[]): SessionSnapshot {
    const turn = this.turn;
    const shown = {
      provider: this.provider,
      threadId: this.threadId,
      status: STATUS_OF_STATE[this.state],
      runtimeMode: this.runtimeMode,
      createdAt: this.createdAt,
      updatedAt: this.updatedAt,
      providerInstanceId: this.providerInstanceId,
      cwd: this.cwd,
      model: this.model,
      resumeCursor: this.resumeCursor ?? undefined,
      activeTurnId: turn?.turnId,
      lastError: this.lastError,
      generation: this.generation,
      restarts: this.restarts,
      parent: this.parent,
      children: children.length === 0 ? undefined : children,
      activeTurn: turn === null ? undefined : showTurn(turn),
      pendingRequests: this.requests.size === 0 ? undefined : Object.fromEntries(this.requests),
      tasks: this.tasks.size === 0 ? undefined : Object.fromEntries(this.tasks),
      usage: this.usage ?? undefined,
      parked: this.parked ? true : undefined,
    };
    return withoutAbsent(shown) as unknown as SessionSnapshot;
  }

  /**
   * Rebuild a session from a snapshot.
   *
   * A snapshot does not tell how the texts of several streams alternated, nor the items left open
   * by an earlier turn: a fold that goes on from it differs from the sidecar's in where an over-long
   * turn's text is cut, and in nothing else that is shown.
   */
  static load(shown: SessionSnapshot): SessionFold {
    const session = new SessionFold(shown);
    session.updatedAt = shown.updatedAt;
    session.state = STATE_OF_STATUS[shown.status];
    session.runtimeMode = shown.runtimeMode;
    session.cwd = shown.cwd;
    session.model = shown.model;
    session.parent = shown.parent;
    session.resumeCursor = shown.resumeCursor ?? null;
    session.lastError = shown.lastError;
    session.usage = shown.usage ?? null;
    session.restarts = shown.restarts;
    session.parked = shown.parked ?? false;
    session.turn = shown.activeTurn === undefined ? null : loadTurn(shown.activeTurn);
    session.requests = new Map(Object.entries(shown.pendingRequests ?? {}));
    session.tasks = new Map(Object.entries(shown.tasks ?? {}) as [string, TaskFold][]);
    return session;
  }
}

export function newTurn(turnId: string, startedAt: string): TurnFold {
  return { turnId, startedAt, items: new Map(), text: new TextWindow(), itemsDropped: false };
}

function showTurn(turn: TurnFold): ActiveTurn {
  const streams = turn.text.streams();
  const items = [...turn.items].map(([itemId, { itemType, status }]) => {
    const text = streams.get(itemId);
    return { itemId, itemType, status, ...(text ? { text: Object.fromEntries(text) } : {}) };
  });
  return {
    turnId: turn.turnId,
    startedAt: turn.startedAt,
    ...(items.length === 0 ? {} : { items }),
    ...(turn.itemsDropped || turn.text.truncated ? { truncated: true } : {}),
  };
}

function loadTurn(shown: ActiveTurn): TurnFold {
  const turn = newTurn(shown.turnId, shown.startedAt);
  if (shown.truncated === true) turn.text.markTruncated();
  for (const { itemId, itemType, status, text } of shown.items ?? []) {
    const phase = status === "inProgress" ? "open" : "done";
    turn.items.set(itemId, { itemType, status, phase });
    for (const [kind, part] of Object.entries(text ?? {})) turn.text.append(itemId, kind, part);
  }
  return turn;
}

function withoutAbsent(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
