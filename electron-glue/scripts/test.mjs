// Compiles src and test into a folder of its own below build and runs node:test over them. Arguments are parts of file
// names: `npm test -- client` runs the files whose path contains "client".
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, "build", `test-${process.pid}`);
const tsc = join(
  dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
  "bin/tsc",
);

function run(args) {
  const done = spawnSync(process.execPath, args, { stdio: "inherit", cwd: root });
  return done.status ?? 1;
}

function testFiles(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return testFiles(path);
    return name.endsWith(".test.js") ? [path] : [];
  });
}

function test(wanted) {
  const compiled = run([tsc, "-p", join(root, "tsconfig.test.json"), "--outDir", out]);
  if (compiled !== 0) return compiled;
  writeFileSync(join(out, "package.json"), '{ "type": "module" }\n');
  const here = "export const here = new URL('./here/', import.meta.url).pathname;\n";
  writeFileSync(join(out, "src", "here.js"), here);
  const files = testFiles(join(out, "test"))
    .filter(
      (path) => wanted.length === 0 || wanted.some((part) => relative(out, path).includes(part)),
    )
    .sort();
  return run([
    "--enable-source-maps",
    "--unhandled-rejections=strict",
    "--test",
    "--test-reporter=spec",
    ...files,
  ]);
}

try {
  process.exitCode = test(process.argv.slice(2));
} finally {
  rmSync(out, { recursive: true, force: true });
}
