/** Waits with a deadline: a test that hangs says for what. */

import type { SidecarClient, StreamItem } from "../../src/index.js";

const DEADLINE_MS = 10_000;

export async function within<T>(
  what: string,
  wait: Promise<T>,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${what} did not happen within ${deadlineMs} ms`));
    }, deadlineMs);
  });
  try {
    return await Promise.race([wait, late]);
  } finally {
    clearTimeout(timer);
  }
}

export async function until(what: string, holds: () => boolean): Promise<void> {
  const start = performance.now();
  while (!holds()) {
    if (performance.now() - start > DEADLINE_MS) throw new Error(`${what} did not come about`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Items up to and with the first that `last` holds for. */
export async function itemsUntil(
  client: SidecarClient,
  what: string,
  last: (item: StreamItem) => boolean,
): Promise<StreamItem[]> {
  const items: StreamItem[] = [];
  const read = async (): Promise<StreamItem[]> => {
    for await (const item of client.events()) {
      items.push(item);
      if (last(item)) break;
    }
    return items;
  };
  return within(what, read());
}

export function seqsOf(items: readonly StreamItem[]): number[] {
  return items.flatMap((item) => (item.kind === "event" ? [item.seq] : []));
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
