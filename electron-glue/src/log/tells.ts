/**
 * The lines about a client: its connections, and what it hands to its consumer of a session's
 * life, of gaps, of what is broken.
 */

import type { StreamItem } from "../client/items.js";
import type { SidecarError } from "../errors.js";
import type { HelloResult, SidecarEvent } from "../generated/contract.js";
import type { Whereabouts } from "./cid.js";
import { words, type ClientLog } from "./log.js";

type Tell = (payload: Readonly<Record<string, unknown>>) => Record<string, unknown>;

/** Type → fields. Never what was said; the sidecar's own line of the same event tells more. */
const TOLD: Readonly<Record<string, Tell>> = {
  "session.state.changed": ({ state }) => ({ state }),
  "session.exited": ({ exitKind }) => ({ exitKind }),
  "turn.started": () => ({}),
  "turn.completed": ({ state }) => ({ state }),
  "request.opened": ({ requestType }) => ({ requestType }),
  "request.resolved": ({ decision }) => ({ decision }),
  "user-input.requested": () => ({}),
  "user-input.resolved": () => ({}),
};

/** Tell what the consumer was handed, and take note of where that is. */
export function tellItem(log: ClientLog, item: StreamItem, places: Whereabouts): void {
  places.note(item);
  switch (item.kind) {
    case "event":
      tellEvent(log, item.event);
      break;
    case "gap":
      log.write("warning", "stream.gap", { from: item.from, to: item.to, reason: item.reason });
      break;
    case "snapshot":
      log.write("info", "stream.snapshot", { seq: item.at, epoch: item.epoch });
      break;
    case "malformed":
      log.write("warning", "stream.malformed", { seq: item.seq });
      break;
    case "synchronized":
      log.write("debug", "stream.synchronized", { head: item.head });
  }
}

function tellEvent(log: ClientLog, event: SidecarEvent): void {
  const tell = Object.hasOwn(TOLD, event.type) ? TOLD[event.type] : undefined;
  if (tell === undefined) return;
  const fields = tell(event.payload as Readonly<Record<string, unknown>>);
  const { threadId: thread, generation, turnId: turn, requestId: request } = event;
  log.write("info", event.type, fields, { thread, generation, turn, request });
}

export function tellOnline(log: ClientLog, welcome: HelloResult, connections: number): void {
  const { resumed, reason, epoch, head, server } = welcome;
  const facts = { resumed, reason, epoch, head, instance: server.instance };
  log.write("info", "connection.online", { connections, ...facts });
}

export function tellLost(log: ClientLog, error: SidecarError, retryMs: number): void {
  const closeCode = error.data["closeCode"];
  const facts = { error: error.key, why: words(error), closeCode, retryMs: Math.round(retryMs) };
  log.write("warning", "connection.lost", facts);
}

export function tellWarning(log: ClientLog, error: SidecarError): void {
  log.write("warning", "client.warning", { error: error.key, why: words(error) });
}

/** `why`: null when it was asked to close. */
export function tellClosed(log: ClientLog, why: SidecarError | null): void {
  if (why === null) log.write("info", "client.closed");
  else log.write("error", "client.closed", { error: why.key, why: words(why) });
}
