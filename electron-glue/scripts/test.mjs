// Compiles src and test into build/test and runs node:test over them. Arguments are parts of file
// names: `npm test -- client` runs the files whose path contains "client".
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, "build", "test");
const tsc = join(
  dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
  "bin/tsc",
);

function run(args) {
  const done = spawnSync(process.execPath, args, { stdio: "inherit", cwd: root });
  if (done.status !== 0) process.exit(done.status ?? 1);
}

function testFiles(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return testFiles(path);
    return name.endsWith(".test.js") ? [path] : [];
  });
}

rmSync(out, { recursive: true, force: true });
run([tsc, "-p", join(root, "tsconfig.test.json")]);
writeFileSync(join(out, "package.json"), '{ "type": "module" }\n');

const wanted = process.argv.slice(2);
const files = testFiles(join(out, "test"))
  .filter((path) => wanted.length === 0 || wanted.some((part) => path.includes(part)))
  .sort();
run(["--enable-source-maps", "--unhandled-rejections=strict", "--test", ...files]);
