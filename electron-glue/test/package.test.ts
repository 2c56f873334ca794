/** The package as an app sees it: built, then required, imported and type-checked both ways. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";

const ROOT = resolve(".");
const PACKAGE = join(ROOT, "build", `package-${process.pid}`);
const NAME = "@agent-sidecar/electron-glue";
const BUILD_DEADLINE_MS = 120_000;

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
    const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
    const options = ["--strict", "--noEmit", "--skipLibCheck", "--target", "es2022"];
    node(tsc, ...options, "--module", "node16", "--types", "node", "use.mts", "use.cts");
  });
});
