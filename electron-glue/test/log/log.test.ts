import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";

import { type LogRecord } from "../../src/index.js";
import { LOG_FILE_BYTES, LogFile, QUEUE_BYTES } from "../../src/log/file.js";
import { ClientLog, words } from "../../src/log/log.js";
import { atEnd, cleanUp, clientFor, cursorAt, serverFor } from "../support/session.js";
import { itemsUntil, until } from "../support/waiting.js";
import { rows } from "../support/log.js";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "client-log-"));
  atEnd(() => {
    rmSync(made, { recursive: true });
  });
  return made;
}

function linesIn(dataDir: string, name = "client.log"): LogRecord[] {
  const text = readFileSync(join(dataDir, name), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as LogRecord);
}

afterEach(cleanUp);

describe("the client's log", () => {
  it("writes records of the sidecar's form, for its owner alone", async () => {
    const dataDir = folder();
    const log = new ClientLog(undefined, true);
    log.write("info", "early", { a: 1 }, { thread: "t1", generation: 2 });
    log.open(dataDir);
    log.write("debug", "too little");
    log.write("warning", "late", { at: "forged", role: "forged" });
    await log.flush();
    const [early, late, none] = linesIn(dataDir);
    assert.match(early?.at ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u);
    assert.deepEqual(
      { ...early, at: "" },
      {
        a: 1,
        at: "",
        level: "info",
        event: "early",
        cid: "t1/2",
        role: "client",
        pid: process.pid,
      },
    );
    assert.deepEqual([late?.role, late?.at === "forged", none], ["client", false, undefined]);
    assert.equal(statSync(join(dataDir, "client.log")).mode & 0o777, 0o600);
  });

  it("goes where it is told to, and breaks nothing when that fails", () => {
    const seen: string[] = [];
    const log = new ClientLog((record) => {
      seen.push(record.event);
      throw new Error("no room");
    }, true);
    log.open("/nowhere");
    log.write("debug", "a");
    log.write("info", "b", { huge: 1n });
    assert.deepEqual(seen, ["a", "b"]);
    new ClientLog(false, true).write("info", "a");
    new ClientLog(undefined).write("info", "a");
  });

  it("waits for a data dir that is not there yet, and loses no line", async () => {
    const dataDir = join(folder(), "later");
    const file = new LogFile(dataDir);
    file.write('{"event":"a"}');
    await file.flush();
    assert.ok(!existsSync(dataDir));
    mkdirSync(dataDir);
    file.write('{"event":"b"}');
    await file.flush();
    assert.deepEqual(
      linesIn(dataDir).map(({ event }) => event),
      ["a", "b"],
    );
  });

  it("holds a bounded queue, and counts what it left out", async () => {
    const dataDir = join(folder(), "later");
    const file = new LogFile(dataDir);
    const line = JSON.stringify({ event: "x".repeat(1000) });
    for (let bytes = 0; bytes < 2 * QUEUE_BYTES; bytes += line.length + 1) file.write(line);
    await file.flush();
    mkdirSync(dataDir);
    file.write(line); // left out as well, but the queue is written now
    await file.flush();
    file.write('{"event":"last"}');
    await file.flush();
    const told = linesIn(dataDir).slice(-2);
    assert.deepEqual(
      told.map(({ event }) => event),
      ["log.dropped", "last"],
    );
    assert.ok(Number(told[0]?.["lines"]) > 100);
  });

  it("turns the file over at its size and keeps one predecessor", async () => {
    const dataDir = folder();
    writeFileSync(join(dataDir, "client.log"), `${"x".repeat(LOG_FILE_BYTES)}\n`);
    const file = new LogFile(dataDir);
    file.write('{"event":"over"}');
    await file.flush();
    file.write('{"event":"new"}');
    await file.flush();
    assert.deepEqual(
      linesIn(dataDir).map(({ event }) => event),
      ["new"],
    );
    assert.ok(statSync(join(dataDir, "client.log.1")).size > LOG_FILE_BYTES);
  });

  it("takes what looks like a secret out of an error's words", () => {
    const said = words(
      new Error("at ws://me:secret-one@host with Bearer secret-two12 and sk-ant-secret-three-0123"),
    );
    assert.ok(!said.includes("secret"), said);
    assert.ok(words("x".repeat(10_000)).length <= 300);
    const cut = words(`${"x".repeat(280)} ws://me:secret-four@host`);
    assert.ok(!cut.includes("me:"), cut);
  });
});

describe("a client", () => {
  it("tells of its connections, calls and gaps, and of nothing that was said", async () => {
    const records: LogRecord[] = [];
    const server = await serverFor();
    server.append(rows(1, 3, "planted-answer"));
    server.handlers.set("session.sendTurn", () => ({ turnId: "turn-1" }));
    server.handlers.set("session.list", () => ({ sessions: [] }));
    const client = await clientFor(server, {
      cursor: cursorAt(0),
      log: (record) => records.push(record),
    });
    await itemsUntil(client, "event 3", (item) => item.kind === "event" && item.seq === 3);
    const turn = { threadId: "t1", input: "planted-prompt" };
    await client.request("session.sendTurn", turn);
    await client.request("session.list", {});
    await assert.rejects(client.request("session.interrupt", { threadId: "t1", turnId: "turn-1" }));
    client.reconnect();
    await until("the second connection", () => client.stats.connections === 2);
    await client.close();

    const told = records.map(({ event }) => event);
    for (const name of ["connection.online", "connection.lost", "client.closed"]) {
      assert.ok(told.includes(name), name);
    }
    const sent = records.filter(({ method }) => method === "session.sendTurn");
    assert.deepEqual(
      sent.map(({ event, cid, level }) => [event, cid, level]),
      [
        ["call.asked", "t1/1", "info"],
        ["call.answered", "t1/1", "info"],
      ],
    );
    assert.equal(sent[0]?.["message"], sent[1]?.["message"]);
    const listed = records.filter(({ method }) => method === "session.list");
    assert.deepEqual(new Set(listed.map(({ level }) => level)), new Set(["debug"]));
    const failed = records.find(({ event }) => event === "call.failed");
    assert.deepEqual(
      [failed?.cid, failed?.["error"], failed?.level],
      ["t1/1/turn-1", "method_not_found", "warning"],
    );
    assert.ok(!JSON.stringify(records).includes("planted"));
    assert.ok(!JSON.stringify(records).includes(server.endpoint.token));
  });
});
