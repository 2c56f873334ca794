/** Connect to a sidecar that runs already. */

import { systemClock } from "../clock.js";
import { ConnectFailed, SidecarError } from "../errors.js";
import { ClientLog } from "../log/log.js";
import { FIRST_CONNECT_DEADLINE_MS } from "../limits.js";
import { SidecarClient } from "./client.js";
import { readCursor } from "./cursor.js";
import type { ClientOptions, Endpoint } from "./options.js";

/**
 * Connect, and resume from the options' cursor or the cursor store's.
 *
 * Rejects with HandshakeRefused (a stranger, a wrong token, no common protocol), Replaced, or
 * ConnectFailed when no connection came about within `connectDeadlineMs`; with SidecarError
 * `bad_cursor` when what the store gave back is no cursor.
 */
export async function connectSidecar(options: Endpoint & ClientOptions): Promise<SidecarClient> {
  const { url, token, ...clientOptions } = options;
  const client = await makeClient(clientOptions);
  client.retarget({ url, token });
  await firstWelcome(client, clientOptions);
  return client;
}

/** Make a client that has nowhere to connect to yet. */
export async function makeClient(
  options: ClientOptions,
  isFinal?: (error: SidecarError) => boolean,
  log = new ClientLog(options.log),
): Promise<SidecarClient> {
  const cursor = readCursor(options.cursor ?? (await options.cursorStore?.load()));
  return new SidecarClient(options, cursor, isFinal, log);
}

/** Wait for the first connection; without one, close the client and reject. */
export async function firstWelcome(client: SidecarClient, options: ClientOptions): Promise<void> {
  const deadlineMs = options.connectDeadlineMs ?? FIRST_CONNECT_DEADLINE_MS;
  const clock = options.clock ?? systemClock;
  let lastError: SidecarError | null = null;
  const undo: (() => void)[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      undo.push(
        client.on("connection", (notice) => {
          if (notice.state === "online") resolve();
          if (notice.state === "lost") lastError = notice.error;
        }),
        client.on("closed", (why) => {
          reject(why ?? new ConnectFailed("The client was closed before it was connected"));
        }),
        clock.after(deadlineMs, () => {
          reject(
            new ConnectFailed(
              `No connection to the sidecar within ${deadlineMs} ms${lastError === null ? "" : `: ${lastError.message}`}`,
              lastError,
            ),
          );
        }),
      );
    });
  } catch (error) {
    await client.end(null);
    throw error;
  } finally {
    for (const step of undo) step();
  }
}
