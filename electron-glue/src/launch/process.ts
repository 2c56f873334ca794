/**
 * One run of the binary: spawn, bootstrap, ready line, stderr, exit.
 *
 * Owns the child process and its three pipes. Never connects, never starts it again.
 */

import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";

import type { Readable } from "node:stream";

import type { Clock } from "../clock.js";
import type { ReadyLine } from "../generated/contract.js";
import { DeadlineExceeded, LaunchFailed } from "../errors.js";
import { FAILED_EXIT_MS, KILL_DEADLINE_MS, PIPE_DRAIN_MS, STDERR_TAIL_CHARS } from "../limits.js";
import { readFirstLine } from "./firstline.js";
import { LineSplitter, Tail } from "./lines.js";

export interface RunSpec {
  readonly binary: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string | undefined;
  /** The first line on stdin: token, parentPid, dataDir, settings. */
  readonly bootstrap: object;
  readonly onStderr: (line: string) => void;
}

export interface ExitInfo {
  readonly exitCode: number | null;
  readonly exitSignal: NodeJS.Signals | null;
  readonly stderrTail: string;
}

export class SidecarProcess {
  /** Settles with the exit, once the pipes have ended; never rejects. */
  readonly exit: Promise<ExitInfo>;

  readonly #child: ChildProcessWithoutNullStreams;
  readonly #clock: Clock;
  readonly #tail = new Tail(STDERR_TAIL_CHARS);
  readonly #firstLine: Promise<string>;
  #spawnError: Error | null = null;
  #ended = false;
  #pid: number | null = null;

  constructor(spec: RunSpec, clock: Clock) {
    this.#clock = clock;
    this.#child = spawn(spec.binary, [...spec.args, "serve"], {
      stdio: ["pipe", "pipe", "pipe"],
      env: spec.env,
      cwd: spec.cwd,
      windowsHide: true,
    });
    this.#firstLine = this.#readStdout();
    this.#readStderr(spec.onStderr);
    this.exit = this.#watchExit();
    // The pipe breaks when the child dies before it has read; its exit tells why.
    this.#child.stdin.on("error", () => undefined);
    this.#child.stdin.write(`${JSON.stringify(spec.bootstrap)}\n`);
  }

  /**
   * Wait for the ready line. On failure the process is killed before this rejects.
   *
   * Rejects with LaunchFailed: the sidecar's own code, or spawn, exited, deadline, bad_ready_line.
   */
  async ready(deadlineMs: number): Promise<ReadyLine> {
    try {
      const line = await this.#within(deadlineMs, "The ready line", this.#firstLine);
      const ready = readFirstLine(line);
      this.#pid = ready.pid;
      return ready;
    } catch (error) {
      throw await this.#startFailure(error);
    }
  }

  /** End stdin: the sidecar stops in order. Returns whether it exited within the deadline. */
  async endStdin(deadlineMs: number): Promise<boolean> {
    this.#child.stdin.end();
    return this.#exitedWithin(deadlineMs);
  }

  /** Kill it. Returns whether it was gone within the deadline. */
  async kill(): Promise<boolean> {
    // Under onefile our child is the bootloader, and the sidecar is *its* child. While the
    // bootloader lives it has not reaped the sidecar, so the pid is no other process'.
    if (!this.#ended && this.#pid !== null && this.#pid !== this.#child.pid) killPid(this.#pid);
    this.#child.kill("SIGKILL");
    const gone = await this.#exitedWithin(KILL_DEADLINE_MS);
    // A grandchild may hold the pipes; they must not hold the app.
    if (!gone) for (const pipe of this.#child.stdio) pipe?.destroy();
    return gone;
  }

  async #exitedWithin(deadlineMs: number): Promise<boolean> {
    try {
      await this.#within(deadlineMs, "The exit", this.exit);
      return true;
    } catch (error) {
      if (error instanceof DeadlineExceeded) return false;
      throw error;
    }
  }

  #readStdout(): Promise<string> {
    const { stdout } = this.#child;
    const splitter = new LineSplitter();
    return new Promise((resolve, reject) => {
      // Read on after the first line: nothing more may come, and what comes must not fill the pipe.
      stdout.on("data", (chunk: Buffer) => {
        const [first] = splitter.push(chunk);
        if (first !== undefined) resolve(first);
      });
      this.#child.once("error", reject);
      this.#child.once("close", () => {
        reject(new LaunchFailed("The sidecar exited before it was ready", { code: "exited" }));
      });
    });
  }

  #readStderr(onLine: (line: string) => void): void {
    const splitter = new LineSplitter();
    const take = (lines: string[]): void => {
      for (const line of lines) {
        this.#tail.add(line);
        onLine(line);
      }
    };
    this.#child.stderr.on("data", (chunk: Buffer) => {
      take(splitter.push(chunk));
    });
    this.#child.stderr.once("end", () => {
      take(splitter.end());
    });
  }

  #watchExit(): Promise<ExitInfo> {
    // Nobody may be waiting for the first line any more.
    this.#firstLine.catch(() => undefined);
    return new Promise((resolve) => {
      const settle = (exitCode: number | null, exitSignal: NodeJS.Signals | null): void => {
        this.#ended = true;
        resolve({ exitCode, exitSignal, stderrTail: this.#tail.text });
      };
      this.#child.once("error", (error) => {
        this.#spawnError = error;
        // Without a pid there was no process, and no exit will be told.
        if (this.#child.pid === undefined) settle(null, null);
      });
      this.#child.once("exit", (exitCode, exitSignal) => {
        this.#ended = true;
        // What outlives the sidecar may hold its pipes: they are read on, but nobody waits for them.
        const takeBack = this.#clock.after(PIPE_DRAIN_MS, () => {
          settle(exitCode, exitSignal);
          this.#child.stdout.destroy();
          (this.#child.stderr as Readable & { unref(): void }).unref();
        });
        this.#child.once("close", takeBack);
      });
      this.#child.once("close", settle);
    });
  }

  async #startFailure(cause: unknown): Promise<LaunchFailed> {
    if (this.#spawnError !== null && this.#child.pid === undefined) {
      const message = `The sidecar's binary could not be started: ${this.#spawnError.message}`;
      return new LaunchFailed(message, { code: "spawn", cause: this.#spawnError });
    }
    const told = cause instanceof LaunchFailed ? cause.failure.code : null;
    // Who said `failed` is on its way out by itself: its exit code is worth a moment.
    if (told !== "exited" && !(await this.endStdin(told === null ? 0 : FAILED_EXIT_MS))) {
      await this.kill();
    }
    const { exitCode, exitSignal, stderrTail } = this.#ended
      ? await this.exit
      : { exitCode: null, exitSignal: null, stderrTail: this.#tail.text };
    const facts = { exitCode, exitSignal, stderrTail };
    if (cause instanceof LaunchFailed) {
      return new LaunchFailed(cause.message, { ...cause.failure, ...facts });
    }
    const message = cause instanceof Error ? cause.message : "The sidecar did not start";
    const code = cause instanceof DeadlineExceeded ? "deadline" : "spawn";
    return new LaunchFailed(message, { code, ...facts, cause });
  }

  async #within<T>(deadlineMs: number, what: string, wait: Promise<T>): Promise<T> {
    let takeBack = (): void => undefined;
    const late = new Promise<never>((_resolve, reject) => {
      takeBack = this.#clock.after(deadlineMs, () => {
        reject(new DeadlineExceeded(what, deadlineMs));
      });
    });
    try {
      return await Promise.race([wait, late]);
    } finally {
      takeBack();
    }
  }
}

function killPid(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
