/**
 * A sidecar as far as a launcher can see it. FAKE_SIDECAR tells how it behaves:
 *
 * ok         ready, serves; stops when stdin ends
 * stubborn   ready, serves; ignores the end of stdin and SIGTERM
 * locked     a failed line, exit 3
 * silent     says nothing, ever
 * garbage    a first line that is no JSON
 * robbed     ready, but another listens on its port the first time (a file in dataDir counts)
 * stranger   ready, but the url is on another machine
 * dies       stderr, then exit 7 before it is ready
 * holder     as ok, and leaves a child behind that holds its pipes
 *
 * The method session.stopAll kills it at once, as a crash would.
 */

import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { FakeServer, NO_ANSWER } from "../support/fakeServer.js";
import { rows } from "../support/log.js";

interface Bootstrap {
  token: string;
  parentPid: number;
  dataDir?: string;
  settings?: Record<string, unknown>;
}

const mode = process.env["FAKE_SIDECAR"] ?? "ok";

function say(line: object | string): void {
  process.stdout.write(`${typeof line === "string" ? line : JSON.stringify(line)}\n`);
}

async function serve(bootstrap: Bootstrap): Promise<void> {
  const server = await FakeServer.start({
    token: bootstrap.token,
    wrongProof: isRobbed(bootstrap),
  });
  server.append(rows(1, Number(bootstrap.settings?.["events"] ?? 0)));
  server.epoch = Number(bootstrap.settings?.["epoch"] ?? 1);
  server.handlers.set("sidecar.shutdown", () => ({}));
  server.handlers.set("session.list", () => ({ sessions: [] }));
  server.handlers.set("session.stopAll", () => {
    process.kill(process.pid, "SIGKILL");
    return NO_ANSWER;
  });
  const port = new URL(server.url).port;
  say({
    event: "ready",
    pid: process.pid,
    port: Number(port),
    url: mode === "stranger" ? "ws://192.0.2.1:9/bridge" : server.url,
    protocol: 1,
    instance: server.instance,
    version: "0.0.1",
    logId: server.logId,
    epoch: server.epoch,
  });
}

function isRobbed({ dataDir }: Bootstrap): boolean {
  if (mode !== "robbed" || dataDir === undefined) return false;
  const mark = join(dataDir, "robbed");
  if (existsSync(mark)) return false;
  writeFileSync(mark, "");
  return true;
}

function secretsShow(token: string): boolean {
  return JSON.stringify([process.argv, process.env]).includes(token);
}

function main(): void {
  process.stderr.write(`argv ${process.argv.slice(2).join(" ")}\n`);
  if (mode === "stubborn") process.on("SIGTERM", () => undefined);
  if (mode === "holder") {
    const script = "setTimeout(() => {}, 20000)";
    const child = spawn(process.execPath, ["-e", script], { stdio: "inherit", detached: true });
    process.stderr.write(`holder ${child.pid ?? 0}\n`);
    child.unref();
  }
  const stdin = createInterface({ input: process.stdin });
  stdin.once("line", (line) => {
    const bootstrap = JSON.parse(line) as Bootstrap;
    const { parentPid, dataDir, settings } = bootstrap;
    process.stderr.write(`told ${JSON.stringify({ parentPid, dataDir, settings })}\n`);
    process.stderr.write(`secrets ${secretsShow(bootstrap.token) ? "shown" : "hidden"}\n`);
    if (mode === "locked") {
      say({ event: "failed", code: "locked", message: "Held by process 4711", pid: 4711 });
      process.exitCode = 3;
      process.stdin.destroy();
    } else if (mode === "garbage") {
      say("Traceback (most recent call last):");
    } else if (mode === "dies") {
      process.stderr.write("no such library\n");
      process.exit(7);
    } else if (mode !== "silent") {
      void serve(bootstrap);
    }
  });
  stdin.once("close", () => {
    if (mode !== "stubborn" && mode !== "locked") process.exit(0);
  });
}

main();
