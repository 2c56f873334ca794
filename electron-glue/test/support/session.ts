/** A fake server and a client on it, both gone at the end of the test. */

import { connectSidecar, type ClientOptions, type SidecarClient } from "../../src/index.js";
import { FakeServer, type FakeOptions } from "./fakeServer.js";

const leftovers: (() => unknown)[] = [];

/** Have `action` carried out at the end of the test, the last one first. */
export function atEnd(action: () => unknown): void {
  leftovers.push(action);
}

/** For `afterEach`. */
export async function cleanUp(): Promise<void> {
  for (let action = leftovers.pop(); action !== undefined; action = leftovers.pop()) {
    await action();
  }
}

export async function serverFor(options: FakeOptions = {}): Promise<FakeServer> {
  const server = await FakeServer.start(options);
  atEnd(() => server.stop());
  return server;
}

export async function clientFor(
  server: FakeServer,
  options: ClientOptions = {},
): Promise<SidecarClient> {
  const client = await connectSidecar({ ...server.endpoint, ...options });
  atEnd(() => client.close());
  return client;
}

/** A cursor of the fake server's log at `seq`. */
export function cursorAt(seq: number): { logId: string; epoch: number; seq: number } {
  return { logId: "log-1", epoch: 1, seq };
}
