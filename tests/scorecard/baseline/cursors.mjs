// What lets sessions go on after this process has ended: conversation and plan of each, in a file.

import { randomUUID } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { log } from "./log.mjs";

export class Cursors {
  constructor(path) {
    this.path = path;
    this.home = randomUUID(); // stands in the mark of all that is started with this file
    this.known = {}; // thread → {plan, sessionId, wanted}, in the order of their starts
    try {
      ({ home: this.home, known: this.known } = JSON.parse(readFileSync(path, "utf8")));
    } catch (error) {
      if (error.code !== "ENOENT") log("warning", `the cursors are lost: ${error.message}`);
    }
  }

  /** The conversation of a session; null when it has none. */
  get(thread) {
    return this.known[thread]?.sessionId ?? null;
  }

  /** The plans of the sessions that nobody has stopped. */
  wanted() {
    return Object.values(this.known).filter((entry) => entry.wanted);
  }

  set(thread, words) {
    this.known[thread] = { ...this.known[thread], ...words };
    const { home, known } = this;
    writeFileSync(`${this.path}.new`, JSON.stringify({ home, known }));
    renameSync(`${this.path}.new`, this.path);
  }
}
