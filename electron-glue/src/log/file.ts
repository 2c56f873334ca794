/**
 * `client.log`: lines appended behind each other's back, the file turned over at a size.
 *
 * Owns a bounded queue in memory. Never blocks: the runtime's own threads write. What cannot be
 * written is tried again with the next line, and counted once the queue is full.
 */

import { open, rename } from "node:fs/promises";
import { join } from "node:path";

export const LOG_NAME = "client.log";

/** The file and one predecessor: 4 MiB at most. */
export const LOG_FILE_BYTES = 2 * 1024 * 1024;

/** Lines that the disk has not taken yet. */
export const QUEUE_BYTES = 256 * 1024;

const FLUSH_MS = 1_000;

export class LogFile {
  readonly #path: string;
  #queue: string[] = [];
  #queuedBytes = 0;
  #dropped = 0;
  #writing: Promise<void> | null = null;

  constructor(dataDir: string) {
    this.#path = join(dataDir, LOG_NAME);
  }

  /** Append a line. Dropped, and counted, when too much waits. */
  write(line: string): void {
    const bytes = Buffer.byteLength(line) + 1;
    if (this.#queuedBytes + bytes > QUEUE_BYTES) {
      this.#dropped += 1;
      this.#writing ??= this.#write();
      return;
    }
    if (this.#dropped > 0) {
      const at = new Date().toISOString();
      const told = { at, level: "warning", event: "log.dropped", role: "client", pid: process.pid };
      this.#push(JSON.stringify({ ...told, lines: this.#dropped }));
      this.#dropped = 0;
    }
    this.#push(line);
    this.#writing ??= this.#write();
  }

  /** Wait until the queue is on disk, at most a second. */
  async flush(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FLUSH_MS);
    });
    await Promise.race([this.#writing ?? Promise.resolve(), late]);
    clearTimeout(timer);
  }

  #push(line: string): void {
    this.#queue.push(`${line}\n`);
    this.#queuedBytes += Buffer.byteLength(line) + 1;
  }

  async #write(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const count = this.#queue.length;
        const text = this.#queue.slice(0, count).join("");
        await this.#append(text);
        this.#queue = this.#queue.slice(count);
        this.#queuedBytes -= Buffer.byteLength(text);
      }
    } catch {
      // The data dir is not there yet, or the disk is full: the next line tries again.
    } finally {
      this.#writing = null;
    }
  }

  async #append(text: string): Promise<void> {
    const file = await open(this.#path, "a", 0o600);
    let size: number;
    try {
      await file.chmod(0o600);
      await file.appendFile(text);
      ({ size } = await file.stat());
    } finally {
      await file.close();
    }
    if (size > LOG_FILE_BYTES) await rename(this.#path, `${this.#path}.1`);
  }
}
