// Compiles src twice: dist/esm and dist/cjs, each with its types and a package.json that tells
// Node which of the two module systems the folder holds; and the claude runner, a program of its own,
// to dist/claude-runner. An argument names another folder than dist.
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

/** Where a compiled file is, in words that each module system knows; src/here.d.ts has the type. */
const HERE = {
  esm: 'import { fileURLToPath } from "node:url";\nexport const here = fileURLToPath(new URL(".", import.meta.url));\n',
  cjs: '"use strict";\nexports.here = __dirname;\n',
};

function compile(name, folder) {
  const project = join(root, `tsconfig.${name}.json`);
  const run = spawnSync(process.execPath, [tsc, "-p", project, "--outDir", folder], {
    stdio: "inherit",
  });
  if (run.status !== 0) process.exit(run.status ?? 1);
}

rmSync(out, { recursive: true, force: true });
for (const [format, type] of [
  ["esm", "module"],
  ["cjs", "commonjs"],
]) {
  const folder = join(out, format);
  compile(format, folder);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), `{ "type": "${type}" }\n`);
  writeFileSync(join(folder, "here.js"), HERE[format]);
}
compile("runner", join(out, "claude-runner"));
