/** Which command runs the Agent SDK. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { pathToFileURL } from "node:url";

import { claudeRunner, RunnerUnavailable } from "../../src/index.js";
import type { RunnerSurroundings } from "../../src/runner/claudeRunner.js";
import { readRunAsNodeFuse, type FuseState } from "../../src/runner/fuse.js";
import { atEnd, cleanUp } from "../support/session.js";

const SDK = "/app/node_modules/@anthropic-ai/claude-agent-sdk/sdk.mjs";

function where(told: Partial<RunnerSurroundings> = {}): RunnerSurroundings {
  return {
    execPath: "/app/app",
    electron: false,
    exists: (path) => !path.includes(".asar"),
    readFuse: () => Promise.reject(new Error("nobody asked for it")),
    ...told,
  };
}

function electron(fuse: FuseState): RunnerSurroundings {
  return where({ electron: true, readFuse: () => Promise.resolve(fuse) });
}

function reason(expected: string) {
  return (error: unknown): boolean =>
    error instanceof RunnerUnavailable && error.data["reason"] === expected;
}

afterEach(cleanUp);

describe("claudeRunner", () => {
  it("under Node is this Node, the runner and the SDK", async () => {
    const { command, args, env } = await claudeRunner({ sdk: pathToFileURL(SDK) }, where());
    assert.equal(command, "/app/app");
    assert.deepEqual(env, {});
    assert.match(args[0] ?? "", /claude-runner.main\.mjs$/u);
    assert.deepEqual(args.slice(1), ["--sdk", SDK]);
  });

  it("is the app's own Node when it names one, under Electron too", async () => {
    const options = { sdk: SDK, command: "/app/node" };
    const { command, env } = await claudeRunner(options, electron("off"));
    assert.deepEqual([command, env], ["/app/node", {}]);
  });

  it("under Electron is Electron as Node when its fuse is on, or is asserted to be", async () => {
    const asserted = where({ electron: true });
    for (const [options, place] of [
      [{ sdk: SDK }, electron("on")],
      [{ sdk: SDK, runAsNode: true }, asserted],
    ] as const) {
      const { command, env } = await claudeRunner(options, place);
      assert.deepEqual([command, env], ["/app/app", { ELECTRON_RUN_AS_NODE: "1" }]);
    }
  });

  it("is never guessed: with the fuse off, unknown or denied it is refused", async () => {
    const denied = claudeRunner({ sdk: SDK, runAsNode: false }, electron("on"));
    await assert.rejects(denied, reason("not_node"));
    await assert.rejects(claudeRunner({ sdk: SDK }, electron("off")), /second app/u);
    await assert.rejects(claudeRunner({ sdk: SDK }, electron("absent")), reason("not_node"));
  });

  it("needs the SDK where it was said to be", async () => {
    const nowhere = where({ exists: (path) => !path.includes("node_modules") });
    await assert.rejects(claudeRunner({ sdk: SDK }, nowhere), reason("sdk_missing"));
    const bare = claudeRunner({ sdk: "@anthropic-ai/claude-agent-sdk" }, where());
    await assert.rejects(bare, reason("sdk_missing"));
    const without = where({ exists: () => false });
    await assert.rejects(claudeRunner({ sdk: SDK }, without), reason("runner_missing"));
  });

  it("takes the unpacked twin of what is in an archive", async () => {
    const sdk = "/app/resources/app.asar/node_modules/sdk/sdk.mjs";
    const twin = sdk.replace(".asar", ".asar.unpacked");
    const packed = where({ exists: (path) => !path.includes(".asar") || path === twin });
    assert.equal((await claudeRunner({ sdk }, packed)).args[2], twin);
  });
});

describe("the runAsNode fuse", () => {
  const SENTINEL = "dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX";
  const wire = (fuse: string): Buffer => Buffer.from(`${SENTINEL}\u0001\u0008${fuse}0111001`);

  function program(...parts: Buffer[]): string {
    const folder = mkdtempSync(join(tmpdir(), "fuse-"));
    atEnd(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    const path = join(folder, "App.app", "Contents", "MacOS", "App");
    const framework = join(dirname(path), "../Frameworks/Electron Framework.framework");
    mkdirSync(framework, { recursive: true });
    mkdirSync(dirname(path));
    writeFileSync(path, Buffer.concat(parts));
    writeFileSync(join(framework, "Electron Framework"), Buffer.concat([wire("1")]));
    return path;
  }

  it("is read from the program, wherever a chunk is cut", async () => {
    for (const before of [0, 1, 65_500, 65_536 - 32, 65_536 - 34, 65_536 - 35, 200_000]) {
      const path = program(Buffer.alloc(before), wire("1"), Buffer.alloc(100));
      assert.equal(await readRunAsNodeFuse(path, "linux"), "on", `behind ${before} bytes`);
    }
  });

  it("is off when any wire says so or was removed", async () => {
    for (const fuse of ["0", "r"]) {
      const path = program(wire("1"), Buffer.alloc(100_000), wire(fuse));
      assert.equal(await readRunAsNodeFuse(path, "linux"), "off");
    }
  });

  it("is absent from what is no Electron, and from what only looks for it", async () => {
    const path = program(Buffer.from(`const SENTINEL = "${SENTINEL}";`), Buffer.alloc(10));
    assert.equal(await readRunAsNodeFuse(path, "linux"), "absent");
    assert.equal(await readRunAsNodeFuse(program(Buffer.from(SENTINEL)), "linux"), "absent");
  });

  it("is in the framework on macOS", async () => {
    assert.equal(await readRunAsNodeFuse(program(Buffer.from("a stub")), "darwin"), "on");
  });
});
