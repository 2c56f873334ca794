// A provider's process tree by /proc: who is in it, and what it has in memory.

import { readdirSync, readFileSync } from "node:fs";

const PAGE_BYTES = 4096;

/** Return pid → {parent, born, bytes} of all processes; nothing where there is no /proc. */
export function processes() {
  const found = new Map();
  let names = [];
  try {
    names = readdirSync("/proc");
  } catch {
    return found;
  }
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const fields = statOf(name);
      found.set(Number(name), {
        parent: Number(fields[1]),
        born: fields[19],
        bytes: Number(fields[21]) * PAGE_BYTES,
      });
    } catch {
      continue; // it has ended
    }
  }
  return found;
}

/** When a process began, in the kernel's words; null once it has ended. With its pid that tells it from any later one. */
export function bornAt(pid) {
  try {
    const fields = statOf(pid);
    return fields[0] === "Z" ? null : fields[19];
  } catch {
    return null;
  }
}

/** Return the pids of everything below a process. */
export function below(all, root) {
  const children = new Map();
  for (const [pid, { parent }] of all) {
    if (!children.has(parent)) children.set(parent, []);
    children.get(parent).push(pid);
  }
  const found = [];
  const open = [root];
  while (open.length > 0) {
    const more = children.get(open.pop()) ?? [];
    found.push(...more);
    open.push(...more);
  }
  return found;
}

/** Return the resident memory of a process and of everything below it. */
export function treeBytes(all, root) {
  return [root, ...below(all, root)].reduce((sum, pid) => sum + (all.get(pid)?.bytes ?? 0), 0);
}

function statOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}
