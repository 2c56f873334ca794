/**
 * What each event type changes in its session (rules S to K of the sidecar's fold).
 *
 * A rule takes the session and an event that G1 to G4 let through; it never throws for what an
 * event says.
 */

import type {
  EventOf,
  EventType,
  ItemType,
  Restarts,
  RuntimeMode,
  SidecarEvent,
  StreamKind,
} from "../generated/contract.js";
import { isCount, isMap, type Fields } from "../wire/shape.js";
import * as bounds from "./bounds.js";
import { dropFirst, textOrNull, weight } from "./bounds.js";
import { newTurn, type ItemFold, type SessionFold, type TurnFold } from "./state.js";

type Rule<T extends EventType> = (session: SessionFold, event: EventOf<T>) => void;
type Rules = { readonly [T in EventType]?: Rule<T> };

type ItemEvent = EventOf<"item.started" | "item.updated" | "item.completed">;

const RUNTIME_MODES: ReadonlySet<unknown> = new Set<RuntimeMode>([
  "approval-required",
  "auto-accept-edits",
  "auto",
  "full-access",
]);

const ITEM_OF_STREAM: Readonly<Record<StreamKind, ItemType>> = {
  assistant_text: "assistant_message",
  reasoning_text: "reasoning",
  reasoning_summary_text: "reasoning",
  plan_text: "plan",
  command_output: "command_execution",
  file_change_output: "file_change",
  unknown: "unknown",
};

// Session

const configured: Rule<"session.configured"> = (session, { payload }) => {
  const config: unknown = payload.config;
  if (!isMap(config)) return;
  const facts = config["session"];
  if (isMap(facts)) {
    if (RUNTIME_MODES.has(facts["runtimeMode"])) {
      session.runtimeMode = facts["runtimeMode"] as RuntimeMode;
    }
    session.cwd = textOrNull(facts["cwd"]) ?? session.cwd;
    session.model = textOrNull(facts["model"]) ?? session.model;
    const parent = textOrNull(facts["parent"]);
    if (parent !== null && parent !== session.threadId) session.parent = parent;
  }
  session.model = textOrNull(config["model"]) ?? session.model;
  if ("resumeCursor" in config) {
    const cursor = config["resumeCursor"];
    session.resumeCursor = weight(cursor) <= bounds.CURSOR_BYTES ? cursor : null;
  }
};

const stateChanged: Rule<"session.state.changed"> = (session, { payload }) => {
  session.state = payload.state;
  if (payload.state === "error") setError(session, payload.reason);
  const detail: Fields = isMap(payload.detail) ? payload.detail : {};
  const kind = detail["kind"];
  let { count = 0, gaveUp = false } = session.restarts;
  let backoffUntil: string | null = null;
  if (kind === "restarting" || kind === "gave-up") {
    if (isCount(detail["count"])) count = detail["count"];
    gaveUp = kind === "gave-up";
    backoffUntil = gaveUp ? null : textOrNull(detail["backoffUntil"]);
  }
  session.restarts = restarts(count, backoffUntil, gaveUp);
  session.parked ||= kind === "parked";
};

const exited: Rule<"session.exited"> = (session, { payload }) => {
  const failed = payload.exitKind === "error";
  session.state = failed ? "error" : "stopped";
  if (failed) setError(session, payload.reason);
  const { count = 0, gaveUp = false } = session.restarts;
  session.restarts = restarts(count, null, gaveUp);
  session.exited = true;
  session.dropOpen();
};

function restarts(count: number, backoffUntil: string | null, gaveUp: boolean): Restarts {
  return {
    ...(count === 0 ? {} : { count }),
    ...(backoffUntil === null ? {} : { backoffUntil }),
    ...(gaveUp ? { gaveUp } : {}),
  };
}

function setError(session: SessionFold, message: unknown): void {
  if (typeof message !== "string") return;
  // Only a string longer than the bound in code units can be longer in code points.
  session.lastError =
    message.length <= bounds.ERROR_CHARS
      ? message
      : Array.from(message).slice(0, bounds.ERROR_CHARS).join("");
}

/** Nothing but updatedAt (S6). */
const touch = (): void => undefined;

// Turn

const turnStarted: Rule<"turn.started"> = (session, { turnId, createdAt, payload }) => {
  if (turnId === undefined) return;
  endTurn(session);
  session.turn = newTurn(turnId, createdAt);
  session.state = "running";
  session.lastError = undefined;
  session.model = payload.model ?? session.model;
};

const turnCompleted: Rule<"turn.completed"> = (session, event) => {
  if (activeTurn(session, event) === null) return;
  endTurn(session);
  if (session.state === "running" || session.state === "waiting") session.state = "ready";
  if (event.payload.state === "failed") setError(session, event.payload.errorMessage);
};

/** Drop the running turn; what is open in it becomes loose. */
function endTurn(session: SessionFold): void {
  for (const [itemId, item] of session.turn?.items ?? []) {
    if (item.phase !== "open") continue;
    session.looseItems.set(itemId, item);
    dropFirst(session.looseItems, bounds.LOOSE_ITEMS);
  }
  session.turn = null;
}

/** The turn that the event belongs to (I1). */
function activeTurn(session: SessionFold, event: SidecarEvent): TurnFold | null {
  const turn = session.turn;
  return turn !== null && (event.turnId ?? turn.turnId) === turn.turnId ? turn : null;
}

// Items

function itemEvent(session: SessionFold, event: ItemEvent): void {
  const { itemId } = event;
  if (itemId === undefined) return;
  const turn = activeTurn(session, event);
  if (turn === null) {
    looseItem(session, event, itemId);
    return;
  }
  const loose = session.looseItems.get(itemId);
  session.looseItems.delete(itemId);
  const item = turn.items.get(itemId) ?? loose ?? newItem(event.payload.itemType);
  turn.items.set(itemId, item);
  changeItem(item, event);
  boundItems(turn);
}

function looseItem(session: SessionFold, event: ItemEvent, itemId: string): void {
  if (event.type === "item.completed") {
    session.looseItems.delete(itemId);
    return;
  }
  const item = session.looseItems.get(itemId) ?? newItem(event.payload.itemType);
  session.looseItems.set(itemId, item);
  changeItem(item, event);
  dropFirst(session.looseItems, bounds.LOOSE_ITEMS);
}

function newItem(itemType: ItemType): ItemFold {
  return { itemType, status: "inProgress", phase: "mentioned" };
}

function changeItem(item: ItemFold, { type, payload }: ItemEvent): void {
  item.itemType = payload.itemType;
  switch (type) {
    case "item.started":
      item.status = payload.status ?? "inProgress";
      item.phase = "open";
      break;
    case "item.updated":
      item.status = payload.status ?? item.status;
      if (item.phase !== "done") item.phase = "open";
      break;
    case "item.completed":
      item.status = payload.status ?? "completed";
      item.phase = "done";
      break;
  }
}

function boundItems(turn: TurnFold): void {
  if (turn.items.size <= bounds.TURN_ITEMS) return;
  const notOpen = [...turn.items].find(([, item]) => item.phase !== "open");
  if (notOpen === undefined) dropFirst(turn.items, bounds.TURN_ITEMS);
  else turn.items.delete(notOpen[0]);
  turn.itemsDropped = true;
}

// Text

function stream(session: SessionFold, event: SidecarEvent, kind: StreamKind, delta: unknown): void {
  const turn = activeTurn(session, event);
  if (turn === null || typeof delta !== "string") return;
  const itemId = event.itemId ?? `${turn.turnId}:${kind}`;
  if (!turn.items.has(itemId)) {
    turn.items.set(itemId, newItem(ITEM_OF_STREAM[kind]));
    boundItems(turn);
  }
  turn.text.append(itemId, kind, delta);
}

// Requests and tasks

function requestOpened(
  session: SessionFold,
  event: EventOf<"request.opened"> | EventOf<"user-input.requested">,
): void {
  const { requestId, createdAt, turnId } = event;
  if (requestId === undefined) return;
  let payload: unknown = event.payload;
  if (weight(payload) > bounds.PAYLOAD_BYTES) {
    payload =
      event.type === "request.opened"
        ? { requestType: event.payload.requestType }
        : { questions: [] };
  }
  const request = { type: event.type, payload, createdAt };
  session.requests.set(requestId, turnId === undefined ? request : { ...request, turnId });
  dropFirst(session.requests, bounds.PENDING_REQUESTS);
}

function requestResolved(session: SessionFold, { requestId }: { requestId?: string }): void {
  if (requestId !== undefined) session.requests.delete(requestId);
}

function taskEvent(
  session: SessionFold,
  event: EventOf<"task.started"> | EventOf<"task.updated">,
): void {
  const { taskId } = event.payload;
  const known = event.type === "task.updated" ? session.tasks.get(taskId) : undefined;
  const begun = known ?? { status: "running", startedAt: event.createdAt };
  let task: Fields = { ...begun, ...event.payload };
  if (weight(task) > bounds.TASK_BYTES) {
    task = { taskId, status: task["status"], startedAt: task["startedAt"] };
  }
  session.tasks.set(taskId, task);
  dropFirst(session.tasks, bounds.TASKS);
}

/** The types that are folded though not flagged: they move no updatedAt (G5). */
export const DELTAS: Rules = {
  "content.delta": (session, event) => {
    stream(session, event, event.payload.streamKind, event.payload.delta);
  },
  "turn.proposed.delta": (session, event) => {
    stream(session, event, "plan_text", event.payload.delta);
  },
};

/** One rule for each type that the contract flags `fold`. */
export const RULES: Rules = {
  "session.started": touch,
  "session.configured": configured,
  "session.state.changed": stateChanged,
  "session.exited": exited,
  "thread.started": touch,
  "thread.state.changed": touch,
  "thread.metadata.updated": touch,
  "thread.token-usage.updated": (session, { payload }) => {
    session.usage = payload.usage;
  },
  "turn.started": turnStarted,
  "turn.completed": turnCompleted,
  "turn.plan.updated": touch,
  "item.started": itemEvent,
  "item.updated": itemEvent,
  "item.completed": itemEvent,
  "request.opened": requestOpened,
  "request.resolved": requestResolved,
  "user-input.requested": requestOpened,
  "user-input.resolved": requestResolved,
  "task.started": taskEvent,
  "task.updated": taskEvent,
  "task.completed": (session, { payload }) => {
    session.tasks.delete(payload.taskId);
  },
  "runtime.error": (session, { payload }) => {
    setError(session, payload.message);
  },
};
