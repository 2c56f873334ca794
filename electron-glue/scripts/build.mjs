// Compiles src twice: dist/esm and dist/cjs, each with its types and a package.json that tells
// Node which of the two module systems the folder holds. An argument names another folder than dist.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tsc = join(
  dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
  "bin/tsc",
);

const out = resolve(root, process.argv[2] ?? "dist");

rmSync(out, { recursive: true, force: true });
for (const [format, type] of [
  ["esm", "module"],
  ["cjs", "commonjs"],
]) {
  const project = join(root, `tsconfig.${format}.json`);
  const run = spawnSync(process.execPath, [tsc, "-p", project, "--outDir", join(out, format)], {
    stdio: "inherit",
  });
  if (run.status !== 0) process.exit(run.status ?? 1);
  mkdirSync(join(out, format), { recursive: true });
  writeFileSync(join(out, format, "package.json"), `{ "type": "${type}" }\n`);
}
