import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";

import { ConnectionLost, ERRORS, SidecarError } from "../../src/index.js";
import { NO_ANSWER, Refusal } from "../support/fakeServer.js";
import { cleanUp, clientFor, serverFor } from "../support/session.js";
import { until } from "../support/waiting.js";

const START = {
  threadId: "t1",
  provider: "demo",
  runtimeMode: "full-access",
} as const;

afterEach(cleanUp);

describe("requests", () => {
  it("carry params by name, and an idempotency key where the method needs one", async () => {
    const server = await serverFor();
    server.handlers.set("session.start", () => ({ threadId: "t1", at: 3 }));
    server.handlers.set("session.get", () => ({ threadId: "t1" }));
    const client = await clientFor(server);
    const session = await client.request("session.start", START);
    assert.equal(session.at, 3);
    await client.request("session.start", { ...START, idempotencyKey: "mine" });
    await client.request("session.get", { threadId: "t1" });
    const [first, second, third] = server.requests;
    assert.match(String(first?.params["idempotencyKey"]), /^[0-9a-f-]{36}$/);
    assert.equal(second?.params["idempotencyKey"], "mine");
    assert.deepEqual(third?.params, { threadId: "t1" });
    assert.equal(new Set(server.requests.map(({ id }) => id)).size, 3);
  });

  it("of a method that nobody knows are rejected, and not sent", async () => {
    const server = await serverFor();
    const client = await clientFor(server);
    for (const name of ["session.begin", "constructor", "hello"]) {
      await assert.rejects(
        client.request(name as "session.list", {}),
        (error: unknown) =>
          error instanceof SidecarError &&
          error.key === "method_not_found" &&
          error.code === ERRORS.method_not_found.code &&
          error.data["method"] === name,
      );
    }
    assert.deepEqual(server.requests, []);
  });

  it("with a key are sent again with the same key after a drop, and answered once", async () => {
    const server = await serverFor();
    let calls = 0;
    server.handlers.set("session.sendTurn", (_params, peer) => {
      calls += 1;
      if (calls > 1) return { threadId: "t1", turnId: "turn-1" };
      peer.socket.terminate();
      return NO_ANSWER;
    });
    const client = await clientFor(server);
    const result = await client.request("session.sendTurn", { threadId: "t1", input: "hi" });
    assert.equal(result.turnId, "turn-1");
    const [first, second] = server.requests;
    assert.deepEqual(second?.params, first?.params);
    assert.equal(server.requests.length, 2);
  });

  it("without a key are rejected with ConnectionLost after a drop", async () => {
    const server = await serverFor();
    server.handlers.set("session.stop", (_params, peer) => {
      peer.socket.terminate();
      return NO_ANSWER;
    });
    const client = await clientFor(server);
    await assert.rejects(client.request("session.stop", { threadId: "t1" }), (error: unknown) => {
      assert.ok(error instanceof ConnectionLost);
      assert.equal(error.key, "connection_lost");
      return true;
    });
    assert.equal(server.requests.length, 1);
  });

  it("made while offline wait for the connection", async () => {
    const server = await serverFor();
    server.handlers.set("session.list", () => ({ sessions: [] }));
    const client = await clientFor(server);
    server.drop();
    await until("the loss", () => client.state !== "online");
    assert.deepEqual(await client.request("session.list", {}), { sessions: [] });
  });

  it("reject with the sidecar's error, typed", async () => {
    const server = await serverFor();
    const body = {
      code: -32010,
      key: "session_not_found",
      message: "No session has the thread id t9",
      retryable: false,
      data: { threadId: "t9" },
    };
    server.handlers.set("session.get", () => {
      throw new Refusal(body);
    });
    const client = await clientFor(server);
    await assert.rejects(client.request("session.get", { threadId: "t9" }), (error: unknown) => {
      assert.ok(error instanceof SidecarError);
      const { code, key, message, retryable, data } = error;
      assert.deepEqual({ code, key, message, retryable, data }, body);
      return true;
    });
  });

  it("can be aborted: rejected at once, and the sidecar is told", async () => {
    const server = await serverFor();
    server.handlers.set("session.start", () => NO_ANSWER);
    server.handlers.set("session.list", () => ({ sessions: [] }));
    const client = await clientFor(server);
    const abort = new AbortController();
    const starting = client.request("session.start", START, { signal: abort.signal });
    await until("the request", () => server.requests.length === 1);
    abort.abort();
    await assert.rejects(starting, { name: "AbortError" });
    await until("the cancel", () => server.cancels.length === 1);
    assert.equal(server.cancels[0], server.requests[0]?.id);
    await client.request("session.list", {});
  });

  it("have a deadline", async () => {
    const server = await serverFor();
    server.handlers.set("session.list", () => NO_ANSWER);
    const client = await clientFor(server);
    await assert.rejects(client.request("session.list", {}, { deadlineMs: 50 }), {
      key: "deadline_exceeded",
    });
    assert.equal(client.stats.openRequests, 0);
  });

  it("over messageBytes cross in chunks, over transferBytes not at all", async () => {
    const server = await serverFor({ messageBytes: 4096, transferBytes: 100_000 });
    server.handlers.set("session.sendTurn", ({ attachments }) => ({
      threadId: "t1",
      turnId: String((attachments as { data: Uint8Array }[])[0]?.data.length),
    }));
    const client = await clientFor(server);
    const turn = (bytes: number) =>
      client.request("session.sendTurn", {
        threadId: "t1",
        attachments: [{ type: "image", mimeType: "image/png", data: new Uint8Array(bytes) }],
      });
    assert.equal((await turn(50_000)).turnId, "50000");
    await assert.rejects(turn(200_000), { key: "limit_exceeded" });
    assert.equal((await turn(10)).turnId, "10");
  });

  it("that MessagePack cannot carry fail alone", async () => {
    const server = await serverFor();
    server.handlers.set("session.list", () => ({ sessions: [] }));
    const client = await clientFor(server);
    const value = { at: new Date() };
    await assert.rejects(
      client.request("session.setConfig", { threadId: "t1", key: "k", value }),
      TypeError,
    );
    await client.request("session.list", {});
  });

  it("are rejected when the client closes", async () => {
    const server = await serverFor();
    server.handlers.set("session.start", () => NO_ANSWER);
    const client = await clientFor(server);
    const starting = client.request("session.start", START);
    await until("the request", () => server.requests.length === 1);
    await Promise.all([assert.rejects(starting, { key: "client_closed" }), client.close()]);
    await assert.rejects(client.request("session.list", {}), { key: "client_closed" });
  });
});
