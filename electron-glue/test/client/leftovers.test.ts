import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { within } from "../support/waiting.js";

describe("a program that has closed its client", () => {
  it("ends by itself, with no unhandled rejection", async () => {
    const script = fileURLToPath(new URL("../fakes/visitor.js", import.meta.url));
    const child = spawn(process.execPath, ["--unhandled-rejections=strict", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    try {
      const [code] = (await within("its exit", once(child, "close"))) as [number];
      assert.deepEqual([code, output], [0, "done\n"]);
    } finally {
      child.kill("SIGKILL");
    }
  });
});
