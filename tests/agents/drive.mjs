// An app in small: launches a sidecar through electron-glue and does what lines on stdin ask for.
//
//   node drive.mjs <electron-glue folder> <launch options as JSON>
//
// In, one JSON object a line; each is answered by {id, result} or {id, error: {key, message, data}}:
//   {id, op: "request", method, params, deadlineMs}   any method of the bridge; a map {"$base64": text}
//                                                     anywhere in params stands for bytes
//   {id, op: "watch", threadId, type, word}           from now on, whenever an event of the type arrives,
//                                                     say who has the word in argv or environment just then
//   {id, op: "stop"}                                  stop the sidecar; the answer is its StopReport
// Out, besides answers:
//   {ready: …}                     the sidecar's ready line
//   {event, seq, alive?: [argv]}   each event as it arrives; `alive` belongs to a watch
//   {notice: …}                    whatever else the stream or the sidecar said
// Its stderr is the sidecar's log.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [glue, optionsText] = process.argv.slice(2);
const { launchSidecar } = await import(pathToFileURL(join(glue, "dist/esm/index.js")).href);

const say = (value) => process.stdout.write(`${JSON.stringify(value, plain)}\n`);
const plain = (_, value) => (typeof value === "bigint" ? Number(value) : value);
const watches = [];

const sidecar = await launchSidecar({
  relaunch: false,
  ...JSON.parse(optionsText),
  onStderr: (line) => process.stderr.write(`${line}\n`),
});
const { client } = sidecar;
sidecar.on("died", (exit) => say({ notice: { died: exit } }));
say({ ready: sidecar.ready ?? null });

const reader = (async () => {
  for await (const item of client.events()) {
    if (item.kind !== "event") {
      say({ notice: item });
      continue;
    }
    const { event, seq } = item;
    const words = watches.filter((w) => w.threadId === event.threadId && w.type === event.type);
    if (words.length === 0) say({ event, seq });
    else say({ event, seq, alive: words.flatMap((w) => seen(w.word)) });
  }
})();

/** The living processes with the word in argv or environment; a zombie has neither. */
function seen(word) {
  const found = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const argv = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0").join(" ").trim();
      const has = argv.includes(word) || readFileSync(`/proc/${name}/environ`, "utf8").includes(word);
      if (has) found.push(`${name} ${argv}`);
    } catch {
      // ended between the two reads
    }
  }
  return found;
}

function bytes(value) {
  if (Array.isArray(value)) return value.map(bytes);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.$base64 === "string") return Uint8Array.from(Buffer.from(value.$base64, "base64"));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, bytes(inner)]));
}

const operations = {
  request: ({ method, params, deadlineMs }) =>
    client.request(method, bytes(params), deadlineMs ? { deadlineMs } : undefined),
  watch: ({ threadId, type, word }) => void watches.push({ threadId, type, word }),
  stop: async () => {
    const report = await sidecar.stop();
    await reader;
    return report;
  },
};

let stopped = false;
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  const done = (async () => operations[command.op](command))();
  const answered = done.then(
    (result) => say({ id: command.id, result: result ?? null }),
    (error) =>
      say({
        id: command.id,
        error: { key: error.key ?? error.name, message: error.message, data: error.data ?? {} },
      }),
  );
  if (command.op === "stop") {
    stopped = true;
    await answered;
    break;
  }
}
if (!stopped) await sidecar.stop();
process.stdout.write("", () => process.exit(0)); // not before what was said is out
