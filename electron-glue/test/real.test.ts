/**
 * The whole way, through a real sidecar: AGENT_SIDECAR_BINARY names it, AGENT_SIDECAR_ARGS may hold
 * the arguments before `serve` as a JSON list. Skipped, with the reason, where none is named.
 */

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";

import {
  connectSidecar,
  Fold,
  HandshakeRefused,
  launchSidecar,
  SidecarError,
  type EventOf,
  type LogRecord,
  type Sidecar,
  type SidecarEvent,
  type StreamItem,
} from "../src/index.js";
import { atEnd, cleanUp } from "./support/session.js";
import { range, until, within } from "./support/waiting.js";

const BINARY = process.env["AGENT_SIDECAR_BINARY"];
const ARGS = JSON.parse(process.env["AGENT_SIDECAR_ARGS"] ?? "[]") as string[];
const skip = BINARY === undefined ? "AGENT_SIDECAR_BINARY names no sidecar" : false;

const START = { threadId: "t1", provider: "demo", runtimeMode: "full-access" } as const;

/** A launched sidecar with everything that its stream said, and the fold of it. */
class Session {
  readonly items: StreamItem[] = [];
  readonly fold = new Fold();
  readonly reading: Promise<void>;

  constructor(readonly sidecar: Sidecar) {
    this.reading = this.#read();
  }

  get events(): SidecarEvent[] {
    return this.items.flatMap((item) => (item.kind === "event" ? [item.event] : []));
  }

  get seqs(): number[] {
    return this.items.flatMap((item) => (item.kind === "event" ? [item.seq] : []));
  }

  ends(turnId: string): EventOf<"turn.completed">[] {
    return this.events.filter(
      (event): event is EventOf<"turn.completed"> =>
        event.type === "turn.completed" && event.turnId === turnId,
    );
  }

  text(turnId: string): string {
    return this.events
      .map((event) =>
        event.type === "content.delta" && event.turnId === turnId ? event.payload.delta : "",
      )
      .join("");
  }

  indexes(turnId: string): number[] {
    return [...this.text(turnId).matchAll(/(\d+) \d+ x+/g)].map(([, index]) => Number(index));
  }

  async #read(): Promise<void> {
    for await (const item of this.sidecar.client.events()) {
      this.items.push(item);
      this.fold.take(item);
    }
  }
}

async function launched(): Promise<Session> {
  const dataDir = mkdtempSync(join(tmpdir(), "sidecar-real-"));
  atEnd(() => {
    rmSync(dataDir, { recursive: true, force: true });
  });
  const sidecar = await launchSidecar({ binaryArgs: ARGS, dataDir });
  atEnd(() => sidecar.stop());
  return new Session(sidecar);
}

afterEach(cleanUp);

describe("a real sidecar", { skip }, () => {
  it("runs a session from start to stop; a dropped socket loses and doubles nothing", async () => {
    const session = await launched();
    const { client } = session.sidecar;
    const started = await client.request("session.start", START);
    assert.equal(started.threadId, "t1");
    const { turnId } = await client.request("session.sendTurn", {
      threadId: "t1",
      input: "@@stream 60 10 64",
    });
    await until("some text", () => session.indexes(turnId).length > 5);
    client.reconnect();
    await until("the end of the turn", () => session.ends(turnId).length > 0);
    assert.equal(client.stats.connections, 2);
    assert.equal(client.server?.resumed, true);
    assert.deepEqual(session.indexes(turnId), range(0, 59));
    assert.deepEqual(
      session.ends(turnId).map(({ payload }) => payload.state),
      ["completed"],
    );
    const report = await session.sidecar.stop();
    await within("the end of the stream", session.reading);
    assert.deepEqual([report.forced, report.exit?.exitCode], [false, 0]);
    assert.equal(session.events.at(-1)?.type, "session.exited");
    assert.deepEqual(session.seqs, range(1, session.seqs.length));
    assert.ok(session.items.every(({ kind }) => kind !== "malformed" && kind !== "gap"));
  });

  it("keeps the same fold as this package", async () => {
    const session = await launched();
    const { client } = session.sidecar;
    await client.request("session.start", START);
    const { turnId } = await client.request("session.sendTurn", {
      threadId: "t1",
      input: "@@think @@plan @@stream 20 1 64",
    });
    await until("the end of the turn", () => session.ends(turnId).length > 0);
    const snapshot = await client.request("snapshot.get", {});
    await until("what the snapshot knows", () => (session.seqs.at(-1) ?? 0) >= snapshot.at);
    assert.equal(session.seqs.at(-1), snapshot.at);
    assert.deepEqual(session.fold.snapshot(), snapshot.state);
  });

  it("killed in mid-turn is launched again: same journal, the cut turn has its end", async () => {
    const session = await launched();
    const { client } = session.sidecar;
    await client.request("session.start", START);
    const { turnId } = await client.request("session.sendTurn", {
      threadId: "t1",
      input: "@@stream 1000 10 64",
    });
    await until("some text", () => session.indexes(turnId).length > 5);
    const { pid, epoch, logId } = session.sidecar.ready;
    process.kill(pid, "SIGKILL");
    await until("the end of the cut turn", () => session.ends(turnId).length > 0);
    assert.notEqual(session.sidecar.ready.pid, pid);
    assert.deepEqual(
      [session.sidecar.ready.logId, session.sidecar.ready.epoch],
      [logId, epoch + 1],
    );
    assert.equal(client.server?.resumed, true);
    assert.notEqual(session.ends(turnId)[0]?.payload.state, "completed");
    const indexes = session.indexes(turnId);
    assert.deepEqual(indexes, range(0, indexes.length - 1));
    await session.sidecar.stop();
    await within("the end of the stream", session.reading);
    assert.deepEqual(session.seqs, range(1, session.seqs.length));
  });

  it("and its app tell one story in two logs, by the same ids", async () => {
    const session = await launched();
    const { client, ready } = session.sidecar;
    await client.request("session.start", START);
    const turn = await client.request("session.sendTurn", { threadId: "t1", input: "@@crash" });
    await until("the resume", () =>
      session.events.some(
        ({ type, generation, payload }) =>
          type === "session.state.changed" && generation === 2 && payload.state === "ready",
      ),
    );
    await session.sidecar.stop();
    const [ours, its] = ["client.log", "sidecar.log"].map((name) =>
      readFileSync(join(ready.dataDir ?? "", name), "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as LogRecord),
    );
    const cid = `t1/1/${turn.turnId}`;
    for (const log of [ours, its]) {
      const told = (log ?? []).map((record) => [record.event, record.cid]);
      for (const event of ["turn.started", "turn.completed"]) {
        assert.ok(
          told.some(([name, about]) => name === event && about === cid),
          event,
        );
      }
      assert.ok(told.some(([name, about]) => name === "session.exited" && about === "t1/1"));
    }
    const asked = [ours, its].map((log) =>
      log?.find(({ event, method }) => event === "call.asked" && method === "session.sendTurn"),
    );
    assert.equal(asked[0]?.["message"], asked[1]?.["message"]);
    const said = its?.find(({ event }) => event === "provider.stderr");
    assert.deepEqual([said?.role, said?.cid], ["provider", cid]);
  });

  it("answers errors by key, and a stranger's token not at all", async () => {
    const session = await launched();
    const { client, ready } = session.sidecar;
    await assert.rejects(
      client.request("session.get", { threadId: "nobody" }),
      (error: unknown) => error instanceof SidecarError && error.key === "session_not_found",
    );
    await assert.rejects(
      connectSidecar({ url: ready.url, token: "not the token" }),
      (error: unknown) => error instanceof HandshakeRefused && error.reason === "authentication",
    );
    await client.request("session.list", {});
  });
});
