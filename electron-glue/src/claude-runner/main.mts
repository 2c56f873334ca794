/**
 * `claude-runner --sdk LOCATION`: the Claude Agent SDK as a provider process of the agent sidecar.
 *
 * Owns this process: its arguments, signals and exit code, and that nothing but the protocol is ever
 * written to stdout. The sidecar starts it; `claudeRunner()` of electron-glue tells it how.
 */

import { Console } from "node:console";
import { Writable } from "node:stream";

import { EXIT, RunnerError, textOf } from "./protocol.mjs";
import { FINISH_MS, Runner } from "./runner.mjs";
import { loadSdk } from "./sdk.mjs";

const SIGNALS = { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 } as const;

/** Keep stdout for the protocol: whatever else writes there is heard on stderr. */
function protocolPipe(): Writable {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  const pipe = new Writable({
    write: (chunk: Buffer, _, done) => {
      write(chunk, done);
    },
  });
  stdout.on("error", (error: Error) => pipe.destroy(error));
  stderr.on("error", () => undefined);
  stdout.write = stderr.write.bind(stderr);
  globalThis.console = new Console(stderr, stderr);
  return pipe;
}

function sdkLocation(args: readonly string[]): string {
  const [flag, location] = args;
  if (flag === "--sdk" && location !== undefined && location !== "") return location;
  throw new RunnerError(
    "usage",
    "usage: claude-runner --sdk <file URL or absolute path of the SDK>",
  );
}

async function main(): Promise<void> {
  const stdout = protocolPipe();
  const { stdin, stderr, env } = process;
  const runner = new Runner({
    load: () => loadSdk(sdkLocation(process.argv.slice(2))),
    stdout,
    stderr,
    env,
  });
  const end = (code: number, why?: unknown): void => {
    void runner.finish(code, why);
    // Whatever hangs, the process does not.
    setTimeout(() => process.exit(code), FINISH_MS + 500).unref();
  };
  for (const [signal, code] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      end(code);
    });
  }
  const bug = (error: unknown): void => {
    stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    end(EXIT.bug, new RunnerError("bug", `The runner failed: ${textOf(error)}`, error));
  };
  process.on("uncaughtException", bug);
  process.on("unhandledRejection", bug);
  stdin.on("data", (chunk: Buffer) => {
    runner.take(chunk);
  });
  stdin.once("end", () => {
    runner.stdinEnded();
  });
  stdin.once("error", () => {
    runner.stdinEnded();
  });
  process.exit(await runner.ended);
}

void main();
