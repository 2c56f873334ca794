// The main job, from start to end, through the frozen binary: three sessions stream at once, one
// crashes in mid-turn and is resumed by the sidecar, the app's own socket is dropped once, then all
// is stopped. Ends with one line of JSON; exits non-zero, with the reason, when anything is off.
//
//   AGENT_SIDECAR_BINARY=…/agent-sidecar node demo/demo.mjs
//   AGENT_SIDECAR_ARGS='["-m","sidecar"]'   arguments before `serve`, for a binary that needs them
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Ledger } from "./ledger.mjs";

const BUILT = new URL("../dist/esm/index.js", import.meta.url);

const DEMO_DEADLINE_MS = 120_000;
const WAIT_DEADLINE_MS = 30_000;
const POLL_MS = 10;

// The siblings stream for about 4 s: longer than the crash and the resume between them.
const SIBLING = { count: 200, prompt: "@@stream 200 20 64" };
const CRASHING = { count: 30, prompt: "@@stream 30 20 64 @@crash" };
const RESUMED = { count: 40, prompt: "@@stream 40 10 64" };

const THREADS = ["demo-one", "demo-two", "demo-three"];
const [ONE, CRASHER, THREE] = THREADS;

class DemoError extends Error {}

function say(text) {
  console.log(`  ${text}`);
}

function check(holds, text) {
  if (!holds) throw new DemoError(text);
}

async function until(what, holds, deadlineMs = WAIT_DEADLINE_MS) {
  const startMs = performance.now();
  while (!holds()) {
    if (performance.now() - startMs > deadlineMs) {
      throw new DemoError(`${what} did not come about within ${deadlineMs / 1000} s`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function readAll(client, ledger) {
  for await (const item of client.events()) ledger.enter(item);
}

async function startTurn(client, threadId, input) {
  const { turnId } = await client.request("session.sendTurn", { threadId, input });
  return turnId;
}

function endOf(ledger, threadId, turnId) {
  return ledger.session(threadId).turns.get(turnId)?.ends[0];
}

function deltasOf(ledger, threadId, turnId) {
  return ledger.session(threadId).turns.get(turnId)?.text.length ?? 0;
}

/** Ids and start times of the processes that belong to a session. */
async function processesOf(client, threadId) {
  const { nodes } = await client.request("tree.get", { threadId });
  const processes = nodes.filter((node) => node.pid !== undefined);
  return processes.map(({ pid, createTime }) => `${pid}@${createTime}`).sort();
}

async function startSessions(client) {
  for (const threadId of THREADS) {
    await client.request("session.start", {
      threadId,
      provider: "demo",
      runtimeMode: "full-access",
    });
  }
  say(`sessions started: ${THREADS.join(", ")}`);
}

async function streamAndCrash(sidecar, ledger) {
  const { client } = sidecar;
  const before = [await processesOf(client, ONE), await processesOf(client, THREE)];
  check(before.flat().length > 0, "tree.get shows no process of the siblings");
  const one = await startTurn(client, ONE, SIBLING.prompt);
  const three = await startTurn(client, THREE, SIBLING.prompt);
  const crashing = await startTurn(client, CRASHER, CRASHING.prompt);

  await until("text of all three", () =>
    [
      [ONE, one],
      [THREE, three],
      [CRASHER, crashing],
    ].every(([threadId, turnId]) => deltasOf(ledger, threadId, turnId) > 0),
  );
  say("all three stream");
  client.reconnect();
  await until("the resumed connection", () => client.stats.connections === 2);
  check(client.server?.resumed === true, "the dropped socket was not resumed by its cursor");
  say("own socket dropped in mid-stream, resumed by its cursor");

  const crasher = ledger.session(CRASHER);
  await until("the crash", () => crasher.exits.length > 0);
  check(crasher.exits[0].kind === "error", "the crashed session's exit does not say error");
  check(endOf(ledger, CRASHER, crashing) === "failed", "the cut turn has no end");
  say("one session crashed in mid-turn; its cut turn has its end");
  await until("the resume", () =>
    crasher.states.some(({ generation, state }) => generation === 2 && state === "ready"),
  );
  const streaming = [endOf(ledger, ONE, one), endOf(ledger, THREE, three)];
  say(`it resumed by itself as generation ${crasher.generation}`);
  check(
    streaming.every((end) => end === undefined),
    "the siblings ended before the resume",
  );

  await until("the end of the siblings", () =>
    [endOf(ledger, ONE, one), endOf(ledger, THREE, three)].every((end) => end !== undefined),
  );
  const after = [await processesOf(client, ONE), await processesOf(client, THREE)];
  return { one, three, crashing, sameProcesses: JSON.stringify(before) === JSON.stringify(after) };
}

async function talkToResumed(client, ledger) {
  const again = await startTurn(client, CRASHER, RESUMED.prompt);
  await until("the resumed session's turn", () => endOf(ledger, CRASHER, again) !== undefined);
  check(endOf(ledger, CRASHER, again) === "completed", "the resumed session's turn failed");
  const recall = await startTurn(client, CRASHER, "@@recall");
  await until("its memory", () => endOf(ledger, CRASHER, recall) !== undefined);
  const remembered = ledger.session(CRASHER).turns.get(recall).text;
  // The prompt that crashed it, the one after the resume, and this one.
  check(remembered.includes("remember 3 prompts"), `the resumed session says: ${remembered}`);
  say("the resumed session answers and remembers what it was told before the crash");
  return again;
}

function settle(ledger, turns) {
  const rows = [
    [ONE, turns.one, SIBLING],
    [THREE, turns.three, SIBLING],
    [CRASHER, turns.crashing, CRASHING],
    [CRASHER, turns.again, RESUMED],
  ];
  for (const [threadId, turnId, { count }] of rows) {
    const { missing, inOrder } = ledger.settleTurn(threadId, turnId, count);
    check(
      missing.length === 0,
      `${threadId}: deltas ${missing.join(", ")} of ${count} are missing`,
    );
    check(inOrder, `${threadId}: deltas came out of order`);
  }
  check(ledger.gaps === 0 && ledger.malformed === 0, "the stream had gaps or malformed events");
  check(ledger.lost === 0, `${ledger.lost} events or deltas were lost`);
  check(ledger.duplicated === 0, `${ledger.duplicated} events or deltas came twice`);
}

function siblingsUntouched(ledger, turns) {
  const siblings = [
    [ONE, turns.one],
    [THREE, turns.three],
  ];
  return (
    turns.sameProcesses &&
    siblings.every(([threadId, turnId]) => {
      const { generation, exits, turns: told } = ledger.session(threadId);
      const { ends } = told.get(turnId);
      return generation === 1 && exits.length === 0 && ends.join() === "completed";
    })
  );
}

async function stopEverything(sidecar, ledger) {
  await sidecar.client.request("session.stopAll", {});
  await until("the exit of all sessions", () =>
    THREADS.every((threadId) => {
      const { exits, generation } = ledger.session(threadId);
      return exits.some((exit) => exit.generation === generation && exit.kind === "graceful");
    }),
  );
  const report = await sidecar.stop();
  check(!report.forced, "the sidecar had to be killed");
  check(report.exit?.exitCode === 0, `the sidecar exited with ${report.exit?.exitCode}`);
  say("all sessions stopped, the sidecar has shut down by itself");
}

async function run(launchSidecar, dataDir, stderr) {
  const startMs = performance.now();
  const sidecar = await launchSidecar({
    binaryArgs: JSON.parse(process.env.AGENT_SIDECAR_ARGS ?? "[]"),
    dataDir,
    relaunch: false,
    onStderr: (line) => stderr.push(line) > 50 && stderr.shift(),
  });
  const readyMs = Math.round(performance.now() - startMs);
  try {
    say(`sidecar ${sidecar.ready.version} ready and connected after ${readyMs} ms`);
    const ledger = new Ledger();
    const reading = readAll(sidecar.client, ledger);
    // Whoever waits for the reader waits below; until then a failure must not go unseen.
    reading.catch((error) => stderr.push(`stream: ${error.stack}`));
    await startSessions(sidecar.client);
    const turns = await streamAndCrash(sidecar, ledger);
    turns.again = await talkToResumed(sidecar.client, ledger);
    const untouched = siblingsUntouched(ledger, turns);
    check(untouched, "the siblings of the crashed session were touched");
    await stopEverything(sidecar, ledger);
    await reading;
    settle(ledger, turns);
    return {
      readyMs,
      eventsDelivered: ledger.events,
      sessions: THREADS.length,
      crashed: 1,
      resumed: 1,
      siblingsUntouched: untouched,
      lost: ledger.lost,
      duplicated: ledger.duplicated,
      durationMs: Math.round(performance.now() - startMs),
    };
  } finally {
    await sidecar.stop();
  }
}

async function main() {
  if (!existsSync(BUILT)) throw new DemoError("electron-glue is not built: npm run build");
  const { launchSidecar } = await import(BUILT.href);
  const dataDir = await mkdtemp(join(tmpdir(), "agent-sidecar-demo-"));
  const stderr = [];
  try {
    const summary = await run(launchSidecar, dataDir, stderr);
    console.log(JSON.stringify(summary));
  } catch (error) {
    console.error(stderr.map((line) => `  | ${line}`).join("\n"));
    throw error;
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

const late = setTimeout(() => {
  console.error(`demo failed: it took longer than ${DEMO_DEADLINE_MS / 1000} s`);
  process.exit(1);
}, DEMO_DEADLINE_MS);

try {
  await main();
} catch (error) {
  const known = error instanceof DemoError || error?.key !== undefined;
  console.error(`demo failed: ${known ? error.message : error.stack}`);
  process.exitCode = 1;
} finally {
  clearTimeout(late);
}
