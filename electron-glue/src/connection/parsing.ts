/** Params of the server's notifications and of hello's answer, checked (PROTOCOL §3, §4). */

import type {
  Ephemeral,
  GapReason,
  HelloResult,
  JournalState,
  Limits,
} from "../generated/contract.js";
import { ProtocolViolation } from "../errors.js";
import type { Message } from "../wire/messages.js";
import { bytesOf, countOf, isCount, mapOf, textOf, type Fields } from "../wire/shape.js";
import type { SeqBody, Signal } from "./signals.js";

export function readWelcome(result: unknown): HelloResult {
  const fields = mapOf(result, "hello");
  const server = mapOf(fields["server"], "hello.server");
  const reason = fields["reason"];
  return {
    protocol: countOf(fields, "protocol", "hello"),
    proof: bytesOf(fields["proof"], "hello.proof"),
    server: {
      version: textOf(server, "version", "server"),
      pid: countOf(server, "pid", "server"),
      instance: textOf(server, "instance", "server"),
    },
    logId: textOf(fields, "logId", "hello"),
    epoch: countOf(fields, "epoch", "hello"),
    head: countOf(fields, "head", "hello"),
    oldest: countOf(fields, "oldest", "hello"),
    resumed: fields["resumed"] === true,
    limits: readLimits(mapOf(fields["limits"], "hello.limits")),
    heartbeatMs: Math.max(1, countOf(fields, "heartbeatMs", "hello")),
    ...(typeof reason === "string" ? { reason: reason as GapReason } : {}),
  };
}

function readLimits(fields: Fields): Limits {
  return {
    messageBytes: countOf(fields, "messageBytes", "limits"),
    transferBytes: countOf(fields, "transferBytes", "limits"),
    creditBytes: countOf(fields, "creditBytes", "limits"),
    openRequests: countOf(fields, "openRequests", "limits"),
  };
}

type Notification = Extract<Message, { kind: "notification" }>;

/** Read a notification after hello. Returns the signals it means: none for an unknown one. */
export function readNotification({ method, params }: Notification, bytes: number): Signal[] {
  switch (method) {
    case "events":
      return [{ is: "events", list: readList(params["list"]) }];
    case "advance":
      return [{ is: "advance", seq: countOf(params, "seq", method) }];
    case "gap":
      return [readGap(params)];
    case "snapshot":
      return [
        {
          is: "snapshot",
          at: countOf(params, "at", method),
          epoch: countOf(params, "epoch", method),
          state: mapOf(params["state"], "snapshot.state"),
          bytes,
        },
      ];
    case "synchronized":
      return [{ is: "synchronized", head: countOf(params, "head", method) }];
    case "journal":
      return [readJournal(params["state"], params["message"])];
    case "ephemeral":
      textOf(params, "topic", method);
      return [{ is: "ephemeral", notice: params as unknown as Ephemeral }];
    case "heartbeat":
      return readHeartbeat(params);
    case "goodbye":
      return [{ is: "goodbye", reason: textOf(params, "reason", method) }];
    default:
      return [];
  }
}

function readGap(params: Fields): Signal {
  return {
    is: "gap",
    from: countOf(params, "from", "gap"),
    to: countOf(params, "to", "gap"),
    // A reason that a newer sidecar may know is handed on as it is.
    reason: textOf(params, "reason", "gap") as GapReason,
  };
}

function readList(list: unknown): SeqBody[] {
  if (!Array.isArray(list)) throw new ProtocolViolation("events.list is not an array");
  return list.map((entry: unknown) => {
    if (!Array.isArray(entry)) throw new ProtocolViolation("An event is not [seq, bin]");
    const [seq, body] = entry as unknown[];
    if (!isCount(seq)) throw new ProtocolViolation("An event's seq is not an integer 0…2^53−1");
    return [seq, bytesOf(body, `event ${seq}`)] as const;
  });
}

const JOURNAL_STATES: readonly unknown[] = ["ok", "full", "failed"];

function readJournal(state: unknown, message: unknown): Signal {
  return {
    is: "journal",
    // A state that a newer sidecar may know is trouble of some kind.
    state: JOURNAL_STATES.includes(state) ? (state as JournalState) : "failed",
    message: typeof message === "string" ? message : null,
  };
}

function readHeartbeat(params: Fields): Signal[] {
  const { head, sent, journal } = params;
  const beat: Signal = {
    is: "heartbeat",
    head: isCount(head) ? head : null,
    sent: isCount(sent) ? sent : null,
  };
  return [beat, readJournal(journal ?? "ok", null)];
}
