// Compiles src twice: dist/esm and dist/cjs, each with its types and a package.json that tells
// Node which of the two module systems the folder holds.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tsc = join(
  dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
  "bin/tsc",
);

rmSync(join(root, "dist"), { recursive: true, force: true });
for (const [format, type] of [
  ["esm", "module"],
  ["cjs", "commonjs"],
]) {
  const run = spawnSync(process.execPath, [tsc, "-p", join(root, `tsconfig.${format}.json`)], {
    stdio: "inherit",
  });
  if (run.status !== 0) process.exit(run.status ?? 1);
  mkdirSync(join(root, "dist", format), { recursive: true });
  writeFileSync(join(root, "dist", format, "package.json"), `{ "type": "${type}" }\n`);
}
