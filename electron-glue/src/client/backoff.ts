/** How long to wait before the next try: doubling, bounded, with jitter. Pure. */

import type { Random } from "../clock.js";

/** Part of each wait that chance may take off, so that many clients do not come at once. */
const JITTER = 0.3;

export function backoffMs(attempt: number, firstMs: number, maxMs: number, random: Random): number {
  const fullMs = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
  return fullMs * (1 - JITTER * random());
}
