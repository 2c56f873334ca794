// The baseline as a program: commands on stdin, answers on stdout, see README.md.

import { killAll } from "./child.mjs";
import { listen } from "./consumers.mjs";
import { Cursors } from "./cursors.mjs";
import { LineSplitter } from "./lines.mjs";
import { log } from "./log.mjs";
import { sweep } from "./marks.mjs";
import { Ring } from "./ring.mjs";
import { running } from "./session.mjs";
import { Sessions } from "./sessions.mjs";

const COMMAND_BYTES = 1024 * 1024;
const STOP_MS = 8_000;
const KEYS = 1_000;

const ring = new Ring();
const cursors = new Cursors(process.argv[2]);
const sessions = new Sessions(ring, cursors);
const done = new Set();
let ending = false;

const verbs = {
  open: (command) => sessions.open(command),
  send: ({ thread, text, key }) => once(key, () => sessions.get(thread).send(text)),
  answer: ({ thread, request }) => sessions.get(thread).answer(request),
  interrupt: ({ thread }) => sessions.interrupt(thread),
  close: ({ thread }) => sessions.close(thread),
  list: () => [...sessions.all.values()].map(({ thread, phase }) => ({ thread, phase })),
};

/** Do what was not done with this key before; the last KEYS are remembered. */
function once(key, work) {
  if (key && done.has(key)) return {};
  const result = work();
  if (key) done.add(key);
  if (done.size > KEYS) done.delete(done.values().next().value);
  return result;
}

function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function take(line) {
  const command = JSON.parse(line);
  try {
    const verb = verbs[command.do];
    if (!verb) throw new Error(`there is no command ${command.do}`);
    say({ id: command.id, result: (await verb(command)) ?? {} });
  } catch (error) {
    log("warning", `${command.do}: ${error.message}`, { thread: command.thread });
    say({ id: command.id, error: error.message });
  }
}

async function end(reason) {
  if (ending) return;
  ending = true;
  log("info", `ending: ${reason}`);
  setTimeout(() => process.exit(1), STOP_MS).unref();
  await sessions.closeAll();
  process.exit(0);
}

process.on("exit", killAll);
process.on("uncaughtException", (error) => {
  // "It is not safe to resume normal operation": clean up and go.
  log("fatal", "uncaught exception", { stack: error.stack });
  process.exit(1);
});
process.on("unhandledRejection", (error) => {
  // A rejection leaves no foreign code half done: the session whose code it was is ended, no other.
  const whose = running.getStore();
  if (!whose) throw error;
  whose.session.failed(whose.child, error);
});
process.on("SIGTERM", () => end("SIGTERM"));
process.on("SIGINT", () => end("SIGINT"));

const commands = new LineSplitter(COMMAND_BYTES, (line) => void take(line));
process.stdin.on("data", (data) => commands.feed(data));
process.stdin.on("end", () => end("stdin has ended"));
await sweep(cursors.home); // what the last process has left, killed as it was
say({ event: "ready", port: await listen(ring), pid: process.pid, instance: ring.instance });
await sessions.restore();
