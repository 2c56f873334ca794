import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import {
  launchSidecar,
  LaunchFailed,
  type LaunchFailure,
  type LaunchOptions,
  type LogRecord,
  type Sidecar,
} from "../../src/index.js";
import { atEnd, cleanUp } from "../support/session.js";
import { itemsUntil, range, seqsOf, until, within } from "../support/waiting.js";

const SCRIPT = fileURLToPath(new URL("../fakes/sidecar.js", import.meta.url));

interface Launched {
  sidecar: Sidecar;
  stderr: string[];
}

function optionsFor(mode: string, options: LaunchOptions = {}): LaunchOptions {
  return {
    binary: process.execPath,
    binaryArgs: [SCRIPT],
    env: { FAKE_SIDECAR: mode },
    ...options,
  };
}

async function launched(mode: string, options: LaunchOptions = {}): Promise<Launched> {
  const stderr: string[] = [];
  const onStderr = (line: string): void => {
    stderr.push(line);
  };
  const sidecar = await launchSidecar(optionsFor(mode, { onStderr, ...options }));
  atEnd(() => sidecar.stop());
  return { sidecar, stderr };
}

async function failure(mode: string, options: LaunchOptions = {}): Promise<LaunchFailure> {
  try {
    await within("the failure", launchSidecar(optionsFor(mode, options)));
  } catch (error) {
    assert.ok(error instanceof LaunchFailed, String(error));
    return error.failure;
  }
  throw new assert.AssertionError({ message: "it was launched" });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

afterEach(cleanUp);

describe("launch", () => {
  it("gives a client on a sidecar that knows its bootstrap, and shows no secret", async () => {
    const { sidecar, stderr } = await launched("ok", { dataDir: "/d", settings: { a: 1 } });
    assert.equal(sidecar.state, "running");
    assert.ok(isAlive(sidecar.ready.pid));
    assert.deepEqual(await sidecar.client.request("session.list", {}), { sessions: [] });
    await until("its stderr", () => stderr.length === 3);
    const settings = { coalesceMs: 16, a: 1 };
    assert.deepEqual(stderr, [
      "argv serve",
      `told ${JSON.stringify({ parentPid: process.pid, dataDir: "/d", settings })}`,
      "secrets hidden",
    ]);
  });

  it("stops in order: asked, stdin ended, exited by itself", async () => {
    const { sidecar } = await launched("ok");
    const { pid } = sidecar.ready;
    const reports = await Promise.all([sidecar.stop(), sidecar.stop()]);
    assert.equal(reports[0], reports[1]);
    assert.equal(reports[0].forced, false);
    assert.equal(reports[0].exit?.exitCode, 0);
    assert.deepEqual([sidecar.state, sidecar.client.state], ["stopped", "closed"]);
    assert.ok(!isAlive(pid));
  });

  it("kills one that does not stop, after its deadline", async () => {
    const { sidecar } = await launched("stubborn", { exitDeadlineMs: 200 });
    const { pid } = sidecar.ready;
    assert.deepEqual(await sidecar.stop(), { exit: null, forced: true });
    await until("its death", () => !isAlive(pid));
  });

  it("says with the sidecar's code why it could not start", async () => {
    const { code, pid, exitCode } = await failure("locked");
    assert.deepEqual({ code, pid, exitCode }, { code: "locked", pid: 4711, exitCode: 3 });
  });

  it("says what a sidecar said that died before it was ready", async () => {
    const { code, exitCode, stderrTail } = await failure("dies");
    assert.deepEqual({ code, exitCode }, { code: "exited", exitCode: 7 });
    assert.match(stderrTail ?? "", /no such library/);
  });

  it("kills one that does not become ready in time", async () => {
    const { code, exitSignal } = await failure("silent", { readyDeadlineMs: 300 });
    assert.equal(code, "deadline");
    assert.ok(exitSignal === "SIGKILL" || exitSignal === null);
  });

  it("takes nothing else for a ready line", async () => {
    assert.equal((await failure("garbage")).code, "bad_ready_line");
    assert.equal((await failure("stranger")).code, "bad_ready_line");
  });

  it("says that there is no such program", async () => {
    assert.equal((await failure("ok", { binary: "/no/such/program" })).code, "not_found");
    assert.equal((await failure("ok", { binary: SCRIPT })).code, "spawn");
  });

  it("does not wait for whoever holds the pipes of a dead sidecar", async () => {
    const { sidecar, stderr } = await launched("holder", { relaunch: false });
    await until("the holder", () => stderr.some((line) => line.startsWith("holder ")));
    const holder = Number(stderr.find((line) => line.startsWith("holder "))?.split(" ")[1]);
    atEnd(() => process.kill(holder, "SIGKILL"));
    const report = await within("the stop", sidecar.stop());
    assert.deepEqual([report.forced, report.exit?.exitCode], [false, 0]);
    assert.ok(isAlive(holder));
  });
});

describe("a sidecar that dies", () => {
  it("is started again, and the stream goes on with no event lost or doubled", async () => {
    const settings = { events: 40 };
    const cursor = { logId: "log-1", epoch: 1, seq: 0 };
    const { sidecar } = await launched("ok", { settings, cursor });
    const deaths: unknown[] = [];
    sidecar.on("died", ({ exitSignal }) => deaths.push(exitSignal));
    const { client } = sidecar;
    const { pid } = sidecar.ready;
    const before = await itemsUntil(client, "event 15", (i) => i.kind === "event" && i.seq === 15);
    const asked = client.request("session.stopAll", {});
    await assert.rejects(asked, { key: "connection_lost" });
    const after = await itemsUntil(client, "event 40", (i) => i.kind === "event" && i.seq === 40);
    assert.deepEqual([...seqsOf(before), ...seqsOf(after)], range(1, 40));
    await until("the second connection", () => client.stats.connections === 2);
    assert.notEqual(sidecar.ready.pid, pid);
    assert.deepEqual(deaths, ["SIGKILL"]);
    assert.deepEqual(await client.request("session.list", {}), { sessions: [] });
  });

  it("too often stays down, and the client ends with the reason", async () => {
    const { sidecar } = await launched("ok", { relaunch: { max: 1 } });
    const { client } = sidecar;
    const failures: LaunchFailed[] = [];
    sidecar.on("failed", (error) => failures.push(error));
    const reading = itemsUntil(client, "nothing", () => false);
    for (let death = 0; death < 2; death += 1) {
      await until("running", () => client.state === "online");
      await client.request("session.stopAll", {}).catch(() => undefined);
      await until("its death", () => client.state !== "online");
    }
    await assert.rejects(reading, (error: unknown) => {
      assert.ok(error instanceof LaunchFailed);
      assert.deepEqual([error.failure.code, error.failure.exitSignal], ["gave_up", "SIGKILL"]);
      return true;
    });
    assert.equal(failures.length, 1);
    assert.equal(sidecar.state, "failed");
    assert.equal((await sidecar.stop()).forced, false);
  });

  it("and whose port another has is replaced, and the other is not talked to", async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "sidecar-"));
    atEnd(() => {
      rmSync(dataDir, { recursive: true });
    });
    const { sidecar } = await launched("robbed", { dataDir });
    assert.deepEqual(await sidecar.client.request("session.list", {}), { sessions: [] });
    assert.equal(sidecar.client.stats.connections, 1);
  });

  it("is told of in client.log, in the data dir, with its next start", async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "sidecar-"));
    atEnd(() => {
      rmSync(dataDir, { recursive: true });
    });
    const { sidecar } = await launched("ok", { dataDir });
    await sidecar.client.request("session.stopAll", {}).catch(() => undefined);
    await until("the second connection", () => sidecar.client.stats.connections === 2);
    await sidecar.stop();
    const lines = readFileSync(join(dataDir, "client.log"), "utf8").trimEnd().split("\n");
    const told = lines.map((line) => JSON.parse(line) as LogRecord);
    const life = told.map(({ event }) => event).filter((event) => event.startsWith("sidecar."));
    assert.deepEqual(life, [
      "sidecar.launching",
      "sidecar.ready",
      "sidecar.died",
      "sidecar.restarting",
      "sidecar.launching",
      "sidecar.ready",
      "sidecar.stopping",
      "sidecar.stopped",
    ]);
    const died = told.find(({ event }) => event === "sidecar.died");
    assert.deepEqual([died?.level, died?.["exitSignal"]], ["error", "SIGKILL"]);
    const lost = told.find(({ event }) => event === "call.failed");
    assert.deepEqual([lost?.["method"], lost?.["error"]], ["session.stopAll", "connection_lost"]);
  });

  it("is not started again when it is stopped meanwhile", async () => {
    const { sidecar } = await launched("ok");
    const died = new Promise((resolve) => sidecar.on("died", resolve));
    await sidecar.client.request("session.stopAll", {}).catch(() => undefined);
    await within("its death", died);
    assert.equal(sidecar.state, "down");
    await sidecar.stop();
    assert.equal(sidecar.state, "stopped");
  });
});
