// One provider process in a process group of its own, and the ladder that ends it.

import { spawn } from "node:child_process";
import { log } from "./log.mjs";
import { LineSplitter } from "./lines.mjs";
import { environment, killThose, marked } from "./marks.mjs";
import { below, bornAt, processes } from "./memory.mjs";

const LINE_BYTES = 64 * 1024 * 1024;
const STDERR_LINE_BYTES = 64 * 1024;
const TERM_AFTER_MS = 1_500;
const KILL_AFTER_MS = 3_000;
const DRAIN_MS = 1_000; // a grandchild may hold a pipe open for ever
const TAIL_LINES = 20;

const GONE_LOOK_MS = 10;
const SAME_LOOK_MS = 20; // children that are stopped together need one look at /proc

const living = new Set();

/** Kill every tree at once: for an exit that waits for nothing. */
export function killAll() {
  for (const child of living) child.kill("everything ends");
  for (const child of living) {
    child.noteMarked();
    child.killTree();
  }
}

let looked = { at: -Infinity, all: new Map() };

function look() {
  const now = performance.now();
  if (now - looked.at > SAME_LOOK_MS) looked = { at: now, all: processes() };
  return looked.all;
}

export class Child {
  /** `mark`: {home, thread}. `words()`: what its log lines carry. `on`: line(text), ended(reason): once, after the last line. */
  constructor(argv, mark, words, on) {
    this.mark = mark;
    this.words = words;
    this.on = on;
    this.tail = [];
    this.over = false;
    this.reason = null;
    this.timers = [];
    this.tree = new Map(); // pid → when it began: what was below it when its end was begun
    const [command, ...args] = argv;
    const env = environment(mark.home, mark.thread);
    this.process = spawn(command, args, { env, detached: true, stdio: ["pipe", "pipe", "pipe"] });
    living.add(this);
    this.listen();
  }

  get pid() {
    return this.process.pid;
  }

  listen() {
    const { process: child } = this;
    const out = new LineSplitter(LINE_BYTES, (line) => !this.over && this.on.line(line));
    const err = new LineSplitter(STDERR_LINE_BYTES, (line) => this.heardStderr(line));
    child.stdout.on("data", (data) => {
      if (!out.feed(data)) this.kill(`a line of its output is over ${LINE_BYTES} bytes`);
    });
    child.stderr.on("data", (data) => {
      if (!err.feed(data)) err.rest = [];
    });
    child.stdin.on("error", (error) => log("info", `stdin: ${error.message}`, this.words()));
    child.on("error", (error) => this.end(`cannot be started: ${error.message}`));
    child.on("exit", (code, signal) => {
      this.reason ??= signal ? `was killed by ${signal}` : `ended with exit code ${code}`;
      this.signal("SIGKILL"); // what is left of its group
      this.noteMarked();
      this.killTree();
      this.timers.push(setTimeout(() => this.end(this.reason), DRAIN_MS));
    });
    child.on("close", () => this.endWithTree());
  }

  heardStderr(line) {
    this.tail.push(line);
    if (this.tail.length > TAIL_LINES) this.tail.shift();
    log("info", "the provider says", { ...this.words(), pid: this.pid, stderr: line });
  }

  write(message) {
    if (!this.over && this.process.stdin.writable) {
      this.process.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    }
  }

  /** End it politely, then by TERM, then by KILL. */
  stop() {
    if (this.over) return;
    this.noteTree();
    this.process.stdin.end();
    this.timers.push(setTimeout(() => this.signal("SIGTERM"), TERM_AFTER_MS));
    this.timers.push(setTimeout(() => this.kill("did not stop"), KILL_AFTER_MS));
  }

  kill(reason) {
    this.reason ??= reason;
    this.noteTree();
    this.signal("SIGKILL");
  }

  /** Note who is below it: some have left its group, and nobody finds them once it is dead. */
  noteTree() {
    const all = look();
    for (const pid of below(all, this.pid)) this.tree.set(pid, all.get(pid).born);
  }

  /** Note who carries its mark: an orphan that has kept its environment. */
  noteMarked() {
    for (const [pid, born] of marked(this.mark.home, this.mark.thread)) this.tree.set(pid, born);
  }

  /** Have its output wait in the pipe, or flow again. */
  pause() {
    this.process.stdout.pause();
  }

  resume() {
    this.process.stdout.resume();
  }

  /** End once all that was noted is gone; the timer of the exit ends it anyway. */
  endWithTree() {
    if ([...this.tree].some(([pid, born]) => bornAt(pid) === born)) {
      this.timers.push(setTimeout(() => this.endWithTree(), GONE_LOOK_MS));
    } else this.end(this.reason);
  }

  killTree() {
    killThose(this.tree);
  }

  /** Signal the whole group. */
  signal(name) {
    try {
      if (this.pid) process.kill(-this.pid, name);
    } catch (error) {
      if (error.code !== "ESRCH") log("warning", `${name}: ${error.message}`, this.words());
    }
  }

  end(reason) {
    if (this.over) return;
    this.over = true;
    living.delete(this);
    for (const timer of this.timers) clearTimeout(timer);
    for (const stream of this.process.stdio) stream?.destroy();
    this.on.ended(reason);
  }
}
