/**
 * Claude Code's process, which the SDK asks for: the same spawn that it would do itself, and beyond it
 * a gate in its stdout and a way to end it.
 *
 * The gate is what bounds memory: the SDK reads its child as fast as it can and queues what nobody has
 * taken. Here nothing is read from the child while the sidecar does not read the runner.
 */

import { spawn, type ChildProcess } from "node:child_process";
import { Transform, type Readable } from "node:stream";

import { TERM_GRACE_MS, type Fields } from "./protocol.mjs";

export interface SpawnOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

export class Children {
  readonly #room: () => Promise<void>;
  readonly #stderr: NodeJS.WritableStream;
  readonly #living = new Set<ChildProcess>();

  /** `room` settles when more output may come. */
  constructor(room: () => Promise<void>, stderr: NodeJS.WritableStream) {
    this.#room = room;
    this.#stderr = stderr;
  }

  /** For the SDK's option spawnClaudeCodeProcess. */
  readonly spawn = ({ command, args, cwd, env, signal }: SpawnOptions): Fields => {
    const child = spawn(command, [...args], {
      stdio: ["pipe", "pipe", "pipe"],
      env,
      signal,
      windowsHide: true,
      ...(cwd === undefined ? {} : { cwd }),
    });
    this.#living.add(child);
    child.once("close", () => this.#living.delete(child));
    child.on("error", () => {
      if (child.pid === undefined) this.#living.delete(child);
    });
    child.stderr.pipe(this.#stderr, { end: false });
    return gated(child, child.stdout.pipe(this.#gate()));
  };

  /** End all of them: SIGTERM, then SIGKILL. Settles once they are gone, or were killed. */
  async end(): Promise<void> {
    await Promise.all([...this.#living].map((child) => endOne(child)));
  }

  #gate(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _, done) => {
        void this.#room().then(() => {
          done(null, chunk);
        });
      },
    });
  }
}

function endOne(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    let timer = setTimeout(() => {
      child.kill("SIGKILL");
      // What not even that ends is left to the sidecar, which sees it.
      timer = setTimeout(resolve, TERM_GRACE_MS);
    }, TERM_GRACE_MS);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill("SIGTERM");
  });
}

/** The child as the SDK wants to see it, with another stdout. */
function gated(child: ChildProcess, stdout: Readable): Fields {
  return {
    stdin: child.stdin,
    stdout,
    get killed() {
      return child.killed;
    },
    get exitCode() {
      return child.exitCode;
    },
    get signalCode() {
      return child.signalCode;
    },
    get pid() {
      return child.pid;
    },
    kill: child.kill.bind(child),
    on: child.on.bind(child),
    once: child.once.bind(child),
    off: child.off.bind(child),
  };
}
