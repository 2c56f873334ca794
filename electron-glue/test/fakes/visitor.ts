/**
 * A program that uses a client in every way that could leave something behind, closes it, and then
 * must end by itself. An unhandled rejection ends it with an error.
 */

import { connectSidecar } from "../../src/index.js";
import { FakeServer, NO_ANSWER } from "../support/fakeServer.js";
import { rows } from "../support/log.js";

async function visit(): Promise<void> {
  const server = await FakeServer.start({ heartbeatMs: 1000 });
  server.handlers.set("session.start", () => NO_ANSWER);
  server.append(rows(1, 50));
  const client = await connectSidecar({
    ...server.endpoint,
    cursor: { logId: "log-1", epoch: 1, seq: 0 },
  });
  // Asked and never looked at again: its rejection is the caller's, so it is taken here.
  const params = { threadId: "t", provider: "demo", runtimeMode: "auto" } as const;
  const pending = client.request("session.start", params).catch((error: unknown) => error);
  const events = client.events();
  await events.next();
  client.reconnect();
  await events.next();
  // A wait that nothing will end but the close.
  const waiting = (async () => {
    for await (const item of events) if (item.kind === "gap") return;
  })();
  await client.close();
  await Promise.all([pending, waiting]);
  await server.stop();
  await connectSidecar({
    url: "ws://127.0.0.1:9/bridge",
    token: "t",
    connectDeadlineMs: 150,
  }).catch(() => undefined);
  process.stdout.write("done\n");
}

void visit();
