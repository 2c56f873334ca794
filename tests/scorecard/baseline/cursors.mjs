// Which conversation each session has, in a file: what lets it go on after this process has ended.

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { log } from "./log.mjs";

export class Cursors {
  constructor(path) {
    this.path = path;
    this.known = {};
    try {
      this.known = JSON.parse(readFileSync(path, "utf8"));
    } catch (error) {
      if (error.code !== "ENOENT") log("warning", `the cursors are lost: ${error.message}`);
    }
  }

  get(thread) {
    return this.known[thread] ?? null;
  }

  set(thread, sessionId) {
    this.known[thread] = sessionId;
    writeFileSync(`${this.path}.new`, JSON.stringify(this.known));
    renameSync(`${this.path}.new`, this.path);
  }
}
