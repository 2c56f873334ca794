// A word in the environment of all that a session starts: what leaves its group and its tree still has it.

import { readdirSync, readFileSync } from "node:fs";
import { bornAt } from "./memory.mjs";

const VARIABLE = "AGENT_SESSION_MARK";
const SWEEP_MS = 3_000;
const LOOK_MS = 10;

/** The environment of a session; `home` names the cursor file, so that the next process knows it. */
export function environment(home, thread) {
  return { ...process.env, [VARIABLE]: `${home}/${thread}` };
}

/** Return pid → when it began, of all that carry a session's mark; of any session without `thread`. */
export function marked(home, thread = null) {
  const wanted = `${VARIABLE}=${home}/`;
  const found = new Map();
  for (const name of numbers()) {
    try {
      const words = readFileSync(`/proc/${name}/environ`, "latin1").split("\0");
      const word = words.find((each) => each.startsWith(wanted));
      if (word === undefined || (thread !== null && word !== wanted + thread)) continue;
      const born = bornAt(name);
      if (born !== null) found.set(Number(name), born);
    } catch {
      continue; // it has ended, or is somebody else's
    }
  }
  return found;
}

/** Kill what an earlier process has left, until nothing is found. */
export async function sweep(home) {
  const end = performance.now() + SWEEP_MS;
  for (let left = marked(home); left.size > 0 && performance.now() < end; left = marked(home)) {
    killThose(left);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** SIGKILL each, if it still is the same process. */
export function killThose(pids) {
  for (const [pid, born] of pids) {
    if (bornAt(pid) !== born) continue;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      continue; // it has ended meanwhile
    }
  }
}

function numbers() {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return []; // there is no /proc
  }
}
