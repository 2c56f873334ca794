/** Bytes of a pipe to lines of bounded length. Pure: chunks in, lines out. */

import { StringDecoder } from "node:string_decoder";

import { LINE_CHARS } from "../limits.js";

export class LineSplitter {
  readonly #decoder = new StringDecoder("utf8");
  readonly #maxChars: number;
  #line = "";

  constructor(maxChars = LINE_CHARS) {
    this.#maxChars = maxChars;
  }

  /** Take a chunk. Returns the lines that it completes; what is over the bound is cut off. */
  push(chunk: Uint8Array): string[] {
    const parts = this.#decoder.write(Buffer.from(chunk)).split("\n");
    const rest = parts.pop() ?? "";
    const lines = parts.map((part) => {
      this.#append(part);
      return this.#take();
    });
    this.#append(rest);
    return lines;
  }

  /** The pipe has ended. Returns the last line, if it had no end. */
  end(): string[] {
    this.#append(this.#decoder.end());
    return this.#line === "" ? [] : [this.#take()];
  }

  #append(text: string): void {
    const room = this.#maxChars - this.#line.length;
    if (room > 0) this.#line += text.slice(0, room);
  }

  #take(): string {
    const line = this.#line.endsWith("\r") ? this.#line.slice(0, -1) : this.#line;
    this.#line = "";
    return line;
  }
}

/** Keeps the last `maxChars` of the lines that it is given. */
export class Tail {
  readonly #maxChars: number;
  #text = "";

  constructor(maxChars: number) {
    this.#maxChars = maxChars;
  }

  add(line: string): void {
    this.#text = `${this.#text}${line}\n`.slice(-this.#maxChars);
  }

  get text(): string {
    return this.#text;
  }
}
