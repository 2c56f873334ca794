/**
 * Stdout: one JSON line a message, in order, and how much of it nobody has read yet.
 *
 * Owns the pipe. Never blocks the loop: a runner whose reader has stopped still hears a signal.
 */

import { OUT_BYTES, RunnerError, textOf, type Fields, type RunnerErrorCode } from "./protocol.mjs";

export class Outlet {
  readonly #pipe: NodeJS.WritableStream;
  readonly #boundBytes: number;
  #unwrittenBytes = 0;
  #waiters: (() => void)[] = [];
  #broken = false;

  /** `onBroken`: nobody reads any more, and nobody will. */
  constructor(pipe: NodeJS.WritableStream, onBroken: () => void, boundBytes = OUT_BYTES) {
    this.#pipe = pipe;
    this.#boundBytes = boundBytes;
    pipe.on("error", () => {
      this.#broken = true;
      this.#wake();
      onBroken();
    });
  }

  /** Queue a line. What cannot be JSON is said instead, and nothing is thrown. */
  say(message: object): void {
    let line: string;
    try {
      line = `${JSON.stringify(message)}\n`;
    } catch (error) {
      this.complain("unwritable", `A message of the SDK cannot be written: ${textOf(error)}`);
      return;
    }
    if (this.#broken) return;
    const bytes = Buffer.byteLength(line);
    this.#unwrittenBytes += bytes;
    this.#pipe.write(line, () => {
      this.#unwrittenBytes -= bytes;
      this.#wake();
    });
  }

  /** Say what is wrong; the runner goes on. */
  complain(code: RunnerErrorCode, message: string): void {
    this.say({ type: "runner_error", code, message });
  }

  complainOf(error: unknown): void {
    const code = error instanceof RunnerError ? error.code : "bug";
    this.complain(code, textOf(error));
  }

  answer(id: string, response: Fields | undefined): void {
    this.say({
      type: "control_response",
      response: { subtype: "success", request_id: id, ...(response && { response }) },
    });
  }

  refuse(id: string, error: unknown): void {
    const code = error instanceof RunnerError ? { code: error.code } : {};
    this.say({
      type: "control_response",
      response: { subtype: "error", request_id: id, error: textOf(error), ...code },
    });
  }

  /** Wait until less than the bound is under way; at once when nobody will ever read. */
  async room(): Promise<void> {
    while (!this.#broken && this.#unwrittenBytes > this.#boundBytes) await this.#change();
  }

  /** Wait until all was taken, `deadlineMs` at most. */
  async flush(deadlineMs: number): Promise<void> {
    const wait = { over: false };
    const timer = setTimeout(() => {
      wait.over = true;
      this.#wake();
    }, deadlineMs);
    while (!this.#broken && this.#unwrittenBytes > 0 && !wait.over) await this.#change();
    clearTimeout(timer);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}
