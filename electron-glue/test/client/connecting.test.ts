import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { afterEach, describe, it } from "node:test";

import { connectSidecar, ConnectFailed, HandshakeRefused, Replaced } from "../../src/index.js";
import { rows } from "../support/log.js";
import { atEnd, cleanUp, clientFor, cursorAt, serverFor } from "../support/session.js";
import { itemsUntil, until, within } from "../support/waiting.js";

function refusedFor(reason: string) {
  return (error: unknown): boolean => error instanceof HandshakeRefused && error.reason === reason;
}

afterEach(cleanUp);

describe("connecting", () => {
  it("does not talk to a stranger who does not know the token", async () => {
    const server = await serverFor({ wrongProof: true });
    await assert.rejects(connectSidecar(server.endpoint), refusedFor("proof"));
    await until("the close", () => server.closes.length === 1);
    assert.deepEqual(server.closes, [4401]);
    assert.deepEqual([server.hellos.length, server.requests, server.acks], [1, [], []]);
  });

  it("does not give the token away", async () => {
    const token = "a secret that must not travel";
    const server = await serverFor({ token });
    await clientFor(server);
    const hello = Buffer.from(JSON.stringify(server.hellos[0]));
    assert.ok(!hello.includes(token));
    assert.ok(!server.url.includes(token));
  });

  it("ends at once when the token is not taken", async () => {
    const server = await serverFor();
    const wrong = { ...server.endpoint, token: "another" };
    await assert.rejects(connectSidecar(wrong), refusedFor("authentication"));
    assert.equal(server.hellos.length, 1);
  });

  it("ends when there is no common protocol", async () => {
    const server = await serverFor({ protocol: 9 });
    await assert.rejects(connectSidecar(server.endpoint), refusedFor("protocol"));
  });

  it("gives up after its deadline where nobody listens", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const url = `ws://127.0.0.1:${port}/bridge`;
    await assert.rejects(
      connectSidecar({ url, token: "t", connectDeadlineMs: 200 }),
      (error: unknown) => error instanceof ConnectFailed && error.message.includes("ECONNREFUSED"),
    );
  });

  it("gives up after its deadline on one that never answers", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    atEnd(() => server.close());
    const { port } = server.address() as AddressInfo;
    const url = `ws://127.0.0.1:${port}/bridge`;
    await assert.rejects(
      connectSidecar({ url, token: "t", connectDeadlineMs: 200 }),
      ConnectFailed,
    );
  });

  // must P3.8
  it("ends with Replaced when another takes its id over, and does not fight for it", async () => {
    const server = await serverFor();
    const client = await clientFor(server, { cursor: cursorAt(0) });
    server.append(rows(1, 2));
    await until("the events", () => client.stats.eventsReceived === 2);
    server.peer.notify("goodbye", { reason: "replaced" });
    server.peer.socket.close(4409);
    await until("the end", () => client.state === "closed");
    const seen: number[] = [];
    await assert.rejects(
      within(
        "the stream's end",
        (async () => {
          for await (const item of client.events()) if (item.kind === "event") seen.push(item.seq);
        })(),
      ),
      Replaced,
    );
    assert.deepEqual(seen, [1, 2], "what was queued is delivered first");
    await assert.rejects(client.request("session.list", {}), { key: "client_closed" });
    assert.equal(server.hellos.length, 1);
  });

  // must P4.16
  it("closes a silent server with 4408 and comes back", async () => {
    const server = await serverFor({ heartbeatMs: 50, mute: true });
    const client = await clientFor(server);
    await until("the second hello", () => server.hellos.length >= 2);
    assert.equal(server.closes[0], 4408);
    assert.ok(client.stats.connections >= 1);
  });

  it("keeps a quiet connection by heartbeats", async () => {
    const server = await serverFor({ heartbeatMs: 50 });
    const client = await clientFor(server);
    await new Promise((resolve) => setTimeout(resolve, 400));
    assert.equal(client.stats.connections, 1);
    assert.deepEqual(server.closes, []);
  });

  it("closes a text frame with 1003 and garbage with 1007, and comes back", async () => {
    const server = await serverFor();
    const client = await clientFor(server);
    server.peer.socket.send("hello there");
    await until("the second connection", () => client.stats.connections === 2);
    server.peer.socket.send(Uint8Array.of(0xc1));
    await until("the third connection", () => client.stats.connections === 3);
    assert.deepEqual(server.closes, [1003, 1007]);
  });

  it("does not dial a server in a tight loop that greets and then misbehaves", async () => {
    const server = await serverFor({ misbehave: true });
    const client = await clientFor(server, { random: () => 0 });
    await until("some tries", () => server.hellos.length >= 3);
    // 50 ms, 100, 200, 400 …: a loop that begins anew each time would have come by twenty times.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.ok(server.hellos.length <= 8, `${server.hellos.length} connections`);
    assert.ok(server.closes.length >= 2 && client.stats.connections >= 2);
  });

  it("reconnects on demand", async () => {
    const server = await serverFor();
    const client = await clientFor(server, { cursor: cursorAt(0) });
    client.reconnect();
    await until("the second connection", () => client.stats.connections === 2);
    server.append(rows(1, 1));
    const items = await itemsUntil(client, "event 1", (item) => item.kind === "event");
    assert.equal(items.at(-1)?.kind, "event");
  });

  it("ends the stream, and is closed twice without harm", async () => {
    const server = await serverFor();
    const client = await clientFor(server);
    const reading = itemsUntil(client, "nothing", () => false);
    const closed: unknown[] = [];
    client.on("closed", (why) => closed.push(why));
    await Promise.all([client.close(), client.close()]);
    await client.close();
    assert.ok((await reading).every((item) => item.kind !== "event"));
    assert.deepEqual(closed, [null]);
    await until("the server's close", () => server.closes.length === 1);
    assert.deepEqual(server.closes, [1000]);
  });
});
