/** The runner as the process that the sidecar starts, on a fake of the SDK (test/fakes/agentSdk.ts). */

import assert from "node:assert/strict";
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { atEnd, cleanUp } from "../support/session.js";
import type { Message } from "../support/runner.js";
import { until, within } from "../support/waiting.js";

const FOLDER = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = join(FOLDER, "src", "claude-runner", "main.mjs");
const SDK = join(FOLDER, "test", "fakes", "agentSdk.js");

class Process {
  readonly child: ChildProcessWithoutNullStreams;
  readonly exit: Promise<number | null>;
  lines: string[] = [];
  stderr = "";

  constructor(args: string[] = ["--sdk", SDK]) {
    this.child = spawn(process.execPath, [MAIN, ...args], { stdio: ["pipe", "pipe", "pipe"] });
    this.exit = once(this.child, "exit").then(([code]: unknown[]) => code as number | null);
    let rest = "";
    this.child.stdout.on("data", (chunk: Buffer) => {
      const parts = (rest + chunk.toString()).split("\n");
      rest = parts.pop() ?? "";
      this.lines.push(...parts);
    });
    this.child.stderr.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.child.stdin.on("error", () => undefined);
    atEnd(async () => {
      this.child.kill("SIGKILL");
      await this.exit;
    });
  }

  send(message: object): void {
    this.child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  prompt(content: string): void {
    this.send({ type: "user", message: { role: "user", content } });
  }

  async said(test: (message: Message) => boolean): Promise<Message> {
    await until("a line of the runner", () => this.messages.some(test));
    return this.messages.find(test) ?? {};
  }

  get messages(): Message[] {
    return this.lines.map((line) => JSON.parse(line) as Message);
  }

  initialise(): Promise<Message> {
    const request = { subtype: "initialize", session: { contract: 1, options: {} } };
    this.send({ type: "control_request", request_id: "i", request });
    return this.said(({ type }) => type === "control_response");
  }
}

async function started(): Promise<Process> {
  const runner = new Process();
  await runner.initialise();
  return runner;
}

afterEach(cleanUp);

describe("the runner's process", () => {
  it("has nothing but the protocol on stdout, whatever a library prints", async () => {
    const runner = await started();
    runner.prompt("console not for you");
    await runner.said(({ text }) => text === "printed");
    runner.child.stdin.end();
    assert.equal(await within("the exit", runner.exit), 0);
    assert.ok(!runner.lines.join("").includes("not for you"));
    assert.equal(runner.stderr.split("not for you").length - 1, 2);
  });

  it("reads and says lines of three MB", async () => {
    const runner = await started();
    const text = "x".repeat(3_000_000);
    runner.prompt(`say ${text}`);
    await runner.said((message) => message["text"] === text);
    runner.child.stdin.end();
    assert.equal(await within("the exit", runner.exit), 0);
  });

  it("ends by SIGTERM, with Claude Code, though nobody reads stdout", async () => {
    const runner = await started();
    runner.prompt("child console.log(process.pid); setInterval(() => {}, 1000)");
    const { line } = await runner.said((message) => typeof message["line"] === "string");
    runner.child.stdout.pause();
    runner.prompt("flood 4000");
    runner.child.kill("SIGTERM");
    assert.equal(await within("the exit", runner.exit), 143);
    assert.throws(() => process.kill(Number(line), 0), { code: "ESRCH" });
  });

  it("ends by a rejection that nobody handles, and says why", async () => {
    const runner = await started();
    runner.prompt("reject lost in a corner");
    assert.equal(await within("the exit", runner.exit), 70);
    await until("stderr", () => runner.stderr.includes("lost in a corner"));
    assert.equal(runner.messages.at(-1)?.["code"], "bug");
    assert.match(String(runner.messages.at(-1)?.["message"]), /lost in a corner/u);
  });

  it("ends when its reader is gone", async () => {
    const runner = await started();
    runner.child.stdout.destroy();
    runner.prompt("say hello");
    assert.equal(await within("the exit", runner.exit), 1);
  });

  it("ends by an end of stdin before anything was said", async () => {
    const runner = new Process();
    runner.child.stdin.end();
    assert.equal(await within("the exit", runner.exit), 0);
    assert.deepEqual(runner.lines, []);
  });

  it("without an SDK answers initialize with what is missing", async () => {
    for (const [args, words] of [
      [[], /usage: claude-runner --sdk/u],
      [["--sdk", "/nowhere"], /is not at \/nowhere/u],
    ] as const) {
      const runner = new Process([...args]);
      const { response } = await runner.initialise();
      assert.match(String((response as Message)["error"]), words);
      assert.equal(await within("the exit", runner.exit), 1);
      assert.match(runner.stderr, words);
    }
  });
});
