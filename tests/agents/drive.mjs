// Drives one session through electron-glue, as an app does, and prints what it saw as one JSON line.
//
//   node drive.mjs <electron-glue folder> <scenario JSON>
//
// scenario: { binary, binaryArgs?, dataDir, start: {…session.start}, turns: [{ text, decision?, cancelAfter? }] }
// decision answers every request of the turn; cancelAfter interrupts after that many deltas.
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const [glue, scenarioText] = process.argv.slice(2);
const { launchSidecar } = await import(pathToFileURL(join(glue, "dist/esm/index.js")).href);
const scenario = JSON.parse(scenarioText);
const DEADLINE_MS = 90_000;

const sidecar = await launchSidecar({
  binary: scenario.binary,
  binaryArgs: scenario.binaryArgs ?? [],
  dataDir: scenario.dataDir,
  onStderr: (line) => process.stderr.write(`${line}\n`),
});
const { client } = sidecar;
const events = [];
const waiting = new Set();
const reader = (async () => {
  for await (const item of client.events()) {
    if (item.kind !== "event") continue;
    events.push({ seq: item.seq, event: item.event });
    for (const check of waiting) check();
  }
})();

function until(what, test) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      waiting.delete(check);
      reject(new Error(`no ${what} within ${DEADLINE_MS} ms`));
    }, DEADLINE_MS);
    const check = () => {
      const value = test();
      if (!value) return;
      clearTimeout(timer);
      waiting.delete(check);
      resolve(value);
    };
    waiting.add(check);
    check();
  });
}

const { threadId } = scenario.start;
try {
  await client.request("session.start", scenario.start, { deadlineMs: DEADLINE_MS });
  for (const turn of scenario.turns) {
    const { turnId } = await client.request("session.sendTurn", { threadId, input: turn.text });
    const ofTurn = (type) =>
      events.filter((e) => e.event.turnId === turnId && e.event.type === type);
    if (turn.decision) {
      const opened = await until("request.opened", () => ofTurn("request.opened")[0]);
      await client.request("session.respondToRequest", {
        threadId,
        requestId: opened.event.requestId,
        decision: turn.decision,
      });
    }
    if (turn.cancelAfter) {
      await until("deltas", () => ofTurn("content.delta").length >= turn.cancelAfter);
      await client.request("session.interrupt", { threadId, turnId });
    }
    await until("turn.completed", () => ofTurn("turn.completed")[0]);
  }
  await client.request("session.stop", { threadId });
  await until("session.exited", () => events.find((e) => e.event.type === "session.exited"));
} finally {
  await sidecar.stop();
  await reader;
}
process.stdout.write(`${JSON.stringify(events)}\n`);
