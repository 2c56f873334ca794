/** What the runner is made of. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, describe, it } from "node:test";
import { pathToFileURL } from "node:url";

import { Approvals } from "../../src/claude-runner/approvals.mjs";
import { LineReader } from "../../src/claude-runner/lines.mjs";
import { Outlet } from "../../src/claude-runner/outlet.mjs";
import { Prompts } from "../../src/claude-runner/prompts.mjs";
import { RunnerError } from "../../src/claude-runner/protocol.mjs";
import { isSupported, loadSdk } from "../../src/claude-runner/sdk.mjs";
import { atEnd, cleanUp } from "../support/session.js";
import { within } from "../support/waiting.js";

afterEach(cleanUp);

describe("lines", () => {
  it("are cut at newlines wherever the chunks are cut, characters too", () => {
    const bytes = Buffer.from("one\n世界\r\n\nrest");
    for (let size = 1; size <= bytes.length; size += 1) {
      const reader = new LineReader();
      const lines = [];
      for (let at = 0; at < bytes.length; at += size) {
        lines.push(...reader.push(bytes.subarray(at, at + size)));
      }
      lines.push(...reader.end());
      assert.deepEqual(lines, ["one", "世界\r", "", "rest"]);
    }
  });

  it("over the bound are lost one by one, and no more than the bound is kept", () => {
    const reader = new LineReader(5);
    assert.deepEqual(reader.push(Buffer.from("12345\n123456\n1")), ["12345", null]);
    assert.deepEqual(reader.push(Buffer.from("234567890")), []);
    assert.deepEqual(reader.push(Buffer.from("1\nok\n")), [null, "ok"]);
    reader.push(Buffer.from("123456"));
    assert.deepEqual(reader.end(), [null]);
    assert.deepEqual(reader.end(), []);
  });

  it("of three MB in small chunks come whole", () => {
    const reader = new LineReader();
    const lines = [];
    for (let n = 0; n < 3000; n += 1) lines.push(...reader.push(Buffer.alloc(1024, "x")));
    lines.push(...reader.push(Buffer.from("\n")));
    assert.deepEqual(
      lines.map((line) => line?.length),
      [3000 * 1024],
    );
  });
});

describe("prompts", () => {
  it("over the bound are refused; what is queued is handed out before the end", async () => {
    const prompts = new Prompts(2);
    prompts.push({ n: 1 });
    prompts.push({ n: 2 });
    assert.throws(
      () => {
        prompts.push({ n: 3 });
      },
      (error: unknown) => error instanceof RunnerError && error.code === "too_many",
    );
    prompts.end();
    prompts.push({ n: 4 });
    const seen = [];
    for await (const prompt of prompts) seen.push(prompt);
    assert.deepEqual(seen, [{ n: 1 }, { n: 2 }]);
  });

  it("end for a consumer that leaves", async () => {
    const prompts = new Prompts();
    prompts.push({ n: 1 });
    prompts.push({ n: 2 });
    for await (const prompt of prompts) if (prompt["n"] === 1) break;
    const { done } = await prompts[Symbol.asyncIterator]().next();
    assert.equal(done, true);
  });
});

describe("the outlet", () => {
  it("gives a flush up at its deadline when nobody reads", async () => {
    const pipe = new PassThrough({ highWaterMark: 16 });
    const outlet = new Outlet(pipe, () => undefined);
    outlet.say({ text: "x".repeat(1000) });
    outlet.say({ text: "y".repeat(1000) });
    await within("the flush", outlet.flush(20));
  });

  it("tells once that nobody will ever read, and wakes who waits for room", async () => {
    const pipe = new PassThrough({ highWaterMark: 16 });
    let broken = 0;
    const outlet = new Outlet(pipe, () => (broken += 1), 10);
    outlet.say({ text: "x".repeat(1000) });
    outlet.say({ text: "x".repeat(1000) });
    const room = outlet.room();
    pipe.destroy(new Error("EPIPE"));
    await within("room", room);
    outlet.say({ text: "into the void" });
    assert.equal(broken, 1);
  });
});

describe("approvals", () => {
  it("over the bound are denied, and so is one that was withdrawn before it was asked", async () => {
    const pipe = new PassThrough();
    const approvals = new Approvals(new Outlet(pipe, () => undefined), 1);
    const { signal } = new AbortController();
    void approvals.ask("Bash", {}, { signal });
    assert.equal((await approvals.ask("Bash", {}, { signal }))["behavior"], "deny");
    const gone = AbortSignal.abort();
    assert.equal((await approvals.ask("Bash", {}, { signal: gone }))["behavior"], "deny");
    assert.equal(approvals.size, 1);
  });
});

describe("the SDK", () => {
  const NAME = "@anthropic-ai/claude-agent-sdk";

  function packageAt(version: string, manifest: object, code: string): string {
    const folder = mkdtempSync(join(tmpdir(), "sdk-"));
    atEnd(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    mkdirSync(join(folder, "lib"));
    writeFileSync(
      join(folder, "package.json"),
      JSON.stringify({ name: NAME, version, type: "module", ...manifest }),
    );
    writeFileSync(join(folder, "lib", "main.js"), code);
    return folder;
  }

  async function refused(location: string): Promise<RunnerError> {
    const error = await loadSdk(location).then(
      () => null,
      (why: unknown) => why,
    );
    assert.ok(error instanceof RunnerError);
    return error;
  }

  it("is loaded by folder, by file and by URL, with its version", async () => {
    const code = "export const query = () => 1;";
    for (const exports of [
      "./lib/main.js",
      { ".": "./lib/main.js" },
      { ".": { import: "./lib/main.js" } },
      { ".": { types: "./no.d.ts", default: "./lib/main.js" } },
    ]) {
      const folder = packageAt("0.3.1", { exports }, code);
      assert.equal((await loadSdk(folder)).version, "0.3.1");
    }
    const folder = packageAt("0.3.2", { main: "lib/main.js" }, code);
    const file = join(folder, "lib", "main.js");
    for (const location of [folder, file, pathToFileURL(file).href]) {
      assert.equal((await loadSdk(location)).version, "0.3.2");
    }
  });

  it("that was bundled into another package has no version, and is taken", async () => {
    const folder = packageAt("1.0.0", { name: "my-app" }, "export default { query: () => 1 };");
    const { version, sdk } = await loadSdk(join(folder, "lib", "main.js"));
    assert.equal(version, null);
    assert.equal(typeof sdk.query, "function");
  });

  it("that is missing, too old, broken or something else is refused with what to do", async () => {
    assert.equal((await refused("claude-agent-sdk")).code, "sdk_missing");
    assert.match((await refused("/nowhere/sdk")).message, /install it in the app/u);
    const old = packageAt("0.1.77", { main: "lib/main.js" }, "export const query = () => 1;");
    assert.match((await refused(old)).message, /0\.1\.77 .* too old: 0\.2\.0 or newer/u);
    const broken = packageAt("0.3.0", { main: "lib/main.js" }, "throw new Error('no wasm')");
    assert.match((await refused(broken)).message, /cannot be loaded: no wasm/u);
    const other = packageAt("0.3.0", { main: "lib/main.js" }, "export const ask = 1;");
    assert.equal((await refused(other)).code, "sdk_unsupported");
  });

  it("is old or new by its numbers", () => {
    const versions = ["0.1.77", "0.2.0", "0.2.1", "0.3.330", "1.0.0", "0.2.0-beta.1", "canary"];
    assert.deepEqual(versions.map(isSupported), [false, true, true, true, true, true, true]);
  });
});
