// The defects that faulty session code has, at the agent's poison message. Ours has the same ones.

/** Fail as `kind` says; `hoard` is where a leak goes. */
export function poison({ kind, megabytes }, hoard) {
  if (kind === "raise") {
    void lookUp(kind); // begun, and not awaited
  } else if (kind === "spin") {
    for (;;);
  } else if (kind === "leak") {
    hoard.push(Buffer.alloc(Math.round(megabytes * 1024 * 1024), 1));
  }
}

async function lookUp(kind) {
  await null;
  throw new Error(`there is no ${kind}`);
}
