/**
 * What this package tells about itself: records of the form that the sidecar's own log has.
 *
 * Never a prompt, an answer, a parameter or a token: a record holds ids, numbers, keys of errors
 * and words of this package's own. Never throws and never waits.
 */

import { cidOf, type Correlation } from "./cid.js";
import { LogFile } from "./file.js";

export type LogLevel = "debug" | "info" | "warning" | "error";

/** One line of the log; `agent-sidecar tail` shows it among those of the sidecar. */
export interface LogRecord {
  /** UTC, to the millisecond. */
  readonly at: string;
  readonly level: LogLevel;
  /** A dotted name, such as `connection.lost`. */
  readonly event: string;
  /** `thread/generation/turn/request`, as far as known. */
  readonly cid?: string;
  readonly role: "client";
  readonly pid: number;
  readonly [field: string]: unknown;
}

/**
 * `false`: no log. A function gets each record, `debug` too; what it throws is lost. Default: the
 * file `client.log` in the sidecar's data dir, from `info` on.
 */
export type LogOption = false | ((record: LogRecord) => void);

/** Records that wait until the data dir is known. */
const WAITING = 200;

const TEXT_CHARS = 300;

/** What is searched for secrets: the cut comes behind it, as half a secret is known as none. */
const SEARCHED_CHARS = 4 * TEXT_CHARS;

export class ClientLog {
  readonly #take: ((record: LogRecord) => void) | null;
  #waiting: LogRecord[] | null;
  #file: LogFile | null = null;

  /** `waits`: a data dir will be named by `open`; without it, and without a function, no log. */
  constructor(option: LogOption | undefined, waits = false) {
    this.#take = typeof option === "function" ? option : null;
    this.#waiting = option === undefined && waits ? [] : null;
  }

  /** Write into this data dir from now on; the first one named counts. */
  open(dataDir: string): void {
    const waiting = this.#waiting;
    if (waiting === null) return;
    this.#waiting = null;
    const file = new LogFile(dataDir);
    this.#file = file;
    for (const record of waiting) file.write(JSON.stringify(record));
  }

  /** Write one record. Never throws. */
  write(
    level: LogLevel,
    event: string,
    fields: Readonly<Record<string, unknown>> = {},
    about: Correlation = {},
  ): void {
    if (this.#take === null && this.#waiting === null && this.#file === null) return;
    const cid = cidOf(about);
    const record: LogRecord = {
      ...fields,
      at: new Date().toISOString(),
      level,
      event,
      ...(cid === undefined ? {} : { cid }),
      role: "client",
      pid: process.pid,
    };
    try {
      this.#hand(record);
    } catch {
      // A log that fails must not fail what it tells of, and there is nowhere else to say so.
    }
  }

  /** Wait until what was written is in the file, for a bounded time. */
  async flush(): Promise<void> {
    await this.#file?.flush();
  }

  #hand(record: LogRecord): void {
    if (this.#take !== null) {
      this.#take(record);
    } else if (record.level !== "debug") {
      if (this.#file !== null) this.#file.write(JSON.stringify(record));
      else if (this.#waiting !== null && this.#waiting.length < WAITING) this.#waiting.push(record);
    }
  }
}

const CREDENTIALS = /(:\/\/)[^\s/@"']{1,512}@/gu;
const TOKENS =
  /(?<![A-Za-z0-9_-])(?:sk-|gh[pousr]_|github_pat_|xox[a-z]-|glpat-|AKIA|AIza|eyJ)[A-Za-z0-9_.-]{12,}/gu;
const BEARER = /(bearer\s{1,8})[A-Za-z0-9._~+/=-]{8,}/giu;

/** Words of an error of this package, or of the runtime, without what looks like a secret. */
export function words(value: unknown): string {
  const said = value instanceof Error ? value.message : String(value);
  return said
    .slice(0, SEARCHED_CHARS)
    .replace(CREDENTIALS, "$1[redacted]@")
    .replace(TOKENS, "[redacted]")
    .replace(BEARER, "$1[redacted]")
    .slice(0, TEXT_CHARS);
}
