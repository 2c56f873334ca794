/** The package as an app sees it: built, then required, imported and type-checked both ways. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = resolve(".");
const PACKAGE = join(ROOT, "build", `package-${process.pid}`);
const NAME = "@agent-sidecar/electron-glue";
const BUILD_DEADLINE_MS = 120_000;

const INITIALIZE = {
  type: "control_request",
  request_id: "1",
  request: { subtype: "initialize", session: { contract: 1, options: {} } },
};

function typeCheck(...files: string[]): void {
  const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const options = ["--strict", "--noEmit", "--skipLibCheck", "--target", "es2022"];
  node(tsc, ...options, "--module", "node16", "--types", "node", ...files);
}

function node(...args: string[]): string {
  const run = spawnSync(process.execPath, args, {
    cwd: PACKAGE,
    encoding: "utf8",
    timeout: BUILD_DEADLINE_MS,
  });
  assert.equal(run.status, 0, `${run.stdout}${run.stderr}`);
  return run.stdout.trim();
}

describe("the package", () => {
  before(() => {
    mkdirSync(PACKAGE, { recursive: true });
    copyFileSync(join(ROOT, "package.json"), join(PACKAGE, "package.json"));
    node(join(ROOT, "scripts", "build.mjs"), join(PACKAGE, "dist"));
  });

  after(() => {
    rmSync(PACKAGE, { recursive: true, force: true });
  });

  it("can be required", () => {
    const script = `const glue = require("${NAME}"); console.log(typeof glue.launchSidecar)`;
    assert.equal(node("--input-type=commonjs", "-e", script), "function");
  });

  it("can be imported", () => {
    const script = `import { launchSidecar, Fold } from "${NAME}"; console.log(typeof launchSidecar, typeof Fold)`;
    assert.equal(node("--input-type=module", "-e", script), "function function");
  });

  it("has types for both, under Node's own resolution", () => {
    const use = `
      import { launchSidecar, type StreamItem, type SidecarClient } from "${NAME}";
      export async function run(): Promise<StreamItem | null> {
        const { client }: { client: SidecarClient } = await launchSidecar();
        const { turnId } = await client.request("session.sendTurn", { threadId: "t", input: turn });
        // @ts-expect-error: a thread is required
        await client.request("session.stop", {});
        for await (const item of client.events()) if (item.kind === "event") return item;
        return turnId === "" ? null : null;
      }
      const turn: string = "hi";
    `;
    for (const name of ["use.mts", "use.cts"]) writeFileSync(join(PACKAGE, name), use);
    typeCheck("use.mts", "use.cts");
  });

  it("has a README whose loop of approvals and questions is what it says", () => {
    const readme = readFileSync(join(ROOT, "README.md"), "utf8");
    const block = /<!-- checked[^>]*-->\s*```ts\n(.*?)```/su.exec(readme);
    assert.ok(block?.[1] !== undefined, "no checked block in the README");
    writeFileSync(join(PACKAGE, "readme.mts"), block[1]);
    typeCheck("readme.mts");
  });

  it("ships the claude runner as a program that stands alone", () => {
    const script = `console.log(import.meta.resolve("${NAME}/claude-runner"))`;
    const main = fileURLToPath(node("--input-type=module", "-e", script));
    const alone = join(PACKAGE, "elsewhere");
    cpSync(dirname(main), alone, { recursive: true });
    const run = spawnSync(process.execPath, [join(alone, "main.mjs"), "--sdk", "/nowhere"], {
      input: `${JSON.stringify(INITIALIZE)}\n`,
      encoding: "utf8",
      timeout: BUILD_DEADLINE_MS,
    });
    assert.match(run.stdout, /"sdk_missing"/u);
    for (const [type, load] of [
      ["module", `const { claudeRunner } = await import("${NAME}");`],
      ["commonjs", `const { claudeRunner } = require("${NAME}");`],
    ] as const) {
      const say = `void claudeRunner({ sdk: process.execPath }).then(({ args }) => console.log(args[0]));`;
      assert.equal(node(`--input-type=${type}`, "-e", `${load} ${say}`), main);
    }
  });
});
