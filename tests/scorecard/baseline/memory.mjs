// What a provider's process tree has in memory, by /proc: the budget's once-a-second look.

import { readdirSync, readFileSync } from "node:fs";

const PAGE_BYTES = 4096;

/** Return pid → {parent, bytes} of all processes; nothing where there is no /proc. */
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
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      found.set(Number(name), {
        parent: Number(fields[1]),
        bytes: Number(fields[21]) * PAGE_BYTES,
      });
    } catch {
      continue; // it has ended
    }
  }
  return found;
}

/** Return the resident memory of a process and of everything below it. */
export function treeBytes(all, root) {
  const children = new Map();
  for (const [pid, { parent }] of all) {
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  let total = 0;
  const open = [root];
  while (open.length > 0) {
    const pid = open.pop();
    total += all.get(pid)?.bytes ?? 0;
    open.push(...(children.get(pid) ?? []));
  }
  return total;
}
