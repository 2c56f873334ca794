/** The runner in this process, on a fake of the SDK (test/fakes/agentSdk.ts). */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { RunnerError } from "../../src/claude-runner/protocol.mjs";
import { Talk, type Message } from "../support/runner.js";
import { range, until, within } from "../support/waiting.js";

async function started(options: object = {}): Promise<Talk> {
  const talk = new Talk();
  assert.equal((await talk.initialise(options))["subtype"], "success");
  return talk;
}

async function ended(talk: Talk): Promise<number> {
  talk.runner.stdinEnded();
  return within("the end of the runner", talk.runner.ended);
}

describe("initialize", () => {
  it("hands the session's options to the SDK, without those that are the runner's own", async () => {
    const talk = new Talk({ env: { HOME: "/h", ELECTRON_RUN_AS_NODE: "1" } });
    const answer = await talk.initialise({
      model: "m",
      resume: null,
      hooks: { PreToolUse: [] },
      env: { SECRET: "1" },
    });
    const { options, runner } = answer["response"] as { options: Message; runner: Message };
    assert.deepEqual(runner, { contract: 1, sdk: "0.3.0" });
    assert.equal(options["model"], "m");
    assert.deepEqual(options["env"], { HOME: "/h" });
    for (const name of ["resume", "hooks"]) assert.ok(!(name in options), name);
    assert.equal(await ended(talk), 0);
  });

  it("of another contract is refused, and the runner ends", async () => {
    const talk = new Talk();
    const answer = await talk.initialise({}, 2);
    assert.equal(answer["subtype"], "error");
    assert.match(String(answer["error"]), /version 2 .* version 1/u);
    assert.equal(await within("the end", talk.runner.ended), 1);
  });

  it("with an SDK that cannot be had is refused with the reason", async () => {
    const load = () => Promise.reject(new RunnerError("sdk_missing", "There is no SDK"));
    const talk = new Talk({ load });
    const answer = await talk.initialise();
    assert.deepEqual([answer["error"], answer["code"]], ["There is no SDK", "sdk_missing"]);
    assert.equal(await within("the end", talk.runner.ended), 1);
    assert.deepEqual(talk.of("runner_error"), [
      { type: "runner_error", code: "sdk_missing", message: "There is no SDK" },
    ]);
  });

  it("that the SDK fails is refused with what it said", async () => {
    const talk = new Talk();
    const answer = await talk.initialise({ failStart: "no such conversation" });
    assert.equal(answer["error"], "no such conversation");
    assert.equal(await within("the end", talk.runner.ended), 1);
  });

  it("that is overtaken by the end of stdin starts nothing", async () => {
    let loaded: (() => void) | undefined;
    const load = () =>
      new Promise<never>((resolve) => {
        const query = (): never => assert.fail("a query was started behind the end");
        loaded = () => {
          (resolve as (sdk: object) => void)({ sdk: { query }, version: null });
        };
      });
    const talk = new Talk({ load });
    const answer = talk.initialise();
    assert.equal(await ended(talk), 0);
    loaded?.();
    assert.equal((await answer)["error"], "The runner has ended");
  });

  it("has to come first, and once", async () => {
    const talk = new Talk();
    assert.match(String((await talk.control("interrupt"))["error"]), /has to come first/u);
    talk.prompt("say too early");
    await talk.until(({ type, code }) => type === "runner_error" && code === "unexpected");
    await talk.initialise();
    assert.match(String((await talk.initialise())["error"]), /already/u);
    assert.equal(await ended(talk), 0);
  });
});

describe("messages", () => {
  it("of the SDK come out as they are, in order", async () => {
    const talk = await started();
    talk.prompt("say one");
    talk.prompt("say two");
    await until("both", () => talk.of("assistant").length === 2);
    assert.deepEqual(
      talk.of("assistant").map(({ text }) => text),
      ["one", "two"],
    );
    assert.equal(await ended(talk), 0);
  });

  it("that cannot be JSON are said so, and the next one comes", async () => {
    const talk = await started();
    talk.prompt("odd");
    await talk.until(({ type }) => type === "unknown");
    assert.equal(talk.of("runner_error")[0]?.["code"], "unwritable");
    assert.equal(await ended(talk), 0);
  });

  it("wait while nobody reads, and all of them come once somebody does", async () => {
    const talk = new Talk({ reading: false });
    talk.send({
      type: "control_request",
      request_id: "c",
      request: { subtype: "initialize", session: { contract: 1, options: {} } },
    });
    talk.prompt("flood 4000");
    await until("a full pipe", () => talk.stdout.writableLength > 200_000);
    // The loop runs on, and nothing more is taken from the SDK.
    for (let turns = 0; turns < 200; turns += 1) await new Promise((done) => setImmediate(done));
    assert.ok(talk.stdout.writableLength < 400_000, `${talk.stdout.writableLength} bytes wait`);
    talk.read();
    await until("all", () => talk.of("flood").length === 4000);
    assert.deepEqual(
      talk.of("flood").map(({ n }) => n),
      range(0, 3999),
    );
    assert.equal(await ended(talk), 0);
  });
});

describe("stdin", () => {
  it("with garbage is answered, and the runner goes on", async () => {
    const talk = await started();
    for (const line of [
      "{",
      "[1]",
      "7",
      '{"type":"x"}',
      '{"type":"user"}',
      '{"type":"control_request"}',
    ]) {
      talk.write(line);
    }
    talk.write("");
    talk.write('{"type":"keep_alive"}');
    talk.prompt("say still here");
    await talk.until(({ text }) => text === "still here");
    assert.equal(talk.of("runner_error").length, 6);
    assert.ok(talk.of("runner_error").every(({ code }) => code === "bad_line"));
    assert.equal(await ended(talk), 0);
  });

  it("that ends lets the query end, and the last line needs no newline", async () => {
    const talk = await started();
    const last = { type: "user", message: { role: "user", content: "say last" } };
    talk.runner.take(Buffer.from(JSON.stringify(last)));
    assert.equal(await ended(talk), 0);
    assert.deepEqual(
      talk.of("assistant").map(({ text }) => text),
      ["last"],
    );
  });

  it("that ends in the middle of a turn ends it within a deadline, and Claude Code with it", async () => {
    const talk = await started();
    const script = `process.on("SIGTERM", () => {}); console.log(process.pid); setInterval(() => {}, 1000)`;
    talk.prompt(`child ${script}`);
    const { line } = await talk.until(({ line }) => typeof line === "string");
    assert.equal(await ended(talk), 0);
    assert.throws(() => process.kill(Number(line), 0), { code: "ESRCH" });
  });
});

describe("control requests", () => {
  it("become calls of the query", async () => {
    const talk = await started();
    const response = async (subtype: string, params: object = {}): Promise<unknown> =>
      (await talk.control(subtype, params))["response"];
    assert.equal(await response("interrupt"), undefined);
    assert.deepEqual(await response("set_model", { model: "m" }), {
      called: "setModel",
      args: ["m"],
    });
    assert.deepEqual(await response("set_permission_mode", { mode: "plan" }), { mode: "plan" });
    assert.deepEqual(await response("set_max_thinking_tokens", { max_thinking_tokens: null }), {
      called: "setMaxThinkingTokens",
      args: [null],
    });
    assert.deepEqual(await response("mcp_status"), {
      mcpServers: [{ name: "one", status: "connected" }],
    });
    assert.deepEqual(await response("mcp_set_servers", { servers: { a: {} } }), {
      called: "setMcpServers",
      args: [{ a: {} }],
    });
    assert.equal(await ended(talk), 0);
  });

  it("that nobody knows, that this SDK has not, that the SDK refuses: each is an error", async () => {
    const talk = await started();
    const errors = [];
    for (const subtype of ["bogus", "constructor", "stop_task", "mcp_toggle"]) {
      const { subtype: outcome, error } = await talk.control(subtype);
      assert.equal(outcome, "error");
      errors.push(error);
    }
    assert.deepEqual(errors, [
      'Unsupported control request subtype: "bogus"',
      'Unsupported control request subtype: "constructor"',
      "This version of the SDK has no stopTask()",
      "Server not found: two",
    ]);
    assert.equal(await ended(talk), 0);
  });
});

describe("approvals", () => {
  async function asked(talk: Talk): Promise<Message> {
    talk.prompt("ask Bash");
    return talk.until(({ type }) => type === "control_request");
  }

  function answer(talk: Talk, { request_id }: Message, response: object): void {
    talk.send({ type: "control_response", response: { request_id, ...response } });
  }

  async function outcome(talk: Talk): Promise<unknown> {
    return (await talk.until(({ permission }) => permission !== undefined))["permission"];
  }

  it("carry what the SDK told, in the CLI's spelling", async () => {
    const talk = await started();
    const { request } = await asked(talk);
    assert.deepEqual(request, {
      subtype: "can_use_tool",
      tool_name: "Bash",
      input: { command: "ls" },
      permission_suggestions: [{ type: "setMode", mode: "acceptEdits" }],
      tool_use_id: "tool-1",
      decision_reason: "it writes",
    });
    assert.equal(await ended(talk), 0);
  });

  it("give back the changed input and the remembered decision", async () => {
    const talk = await started();
    const response = {
      behavior: "allow",
      updatedInput: { command: "ls -l" },
      updatedPermissions: [{ type: "addRules" }],
    };
    answer(talk, await asked(talk), { subtype: "success", response });
    assert.deepEqual(await outcome(talk), response);
    assert.equal(await ended(talk), 0);
  });

  it("allowed without an input allow the one that was asked for", async () => {
    const talk = await started();
    answer(talk, await asked(talk), { subtype: "success", response: { behavior: "allow" } });
    assert.deepEqual(await outcome(talk), { behavior: "allow", updatedInput: { command: "ls" } });
    assert.equal(await ended(talk), 0);
  });

  it("are denied by a denial, by an error, and by an answer that says neither", async () => {
    for (const [said, message] of [
      [
        { subtype: "success", response: { behavior: "deny", message: "no", interrupt: true } },
        "no",
      ],
      [{ subtype: "success", response: { behavior: "deny" } }, "Denied"],
      [{ subtype: "error", error: "gone" }, "gone"],
      [{ subtype: "success", response: { behavior: "perhaps" } }, "Denied"],
      [{ subtype: "success", response: null }, "Denied"],
    ] as const) {
      const talk = await started();
      answer(talk, await asked(talk), said);
      const result = (await outcome(talk)) as Message;
      assert.deepEqual([result["behavior"], result["message"]], ["deny", message]);
      assert.equal(await ended(talk), 0);
    }
  });

  it("that the SDK withdraws are cancelled, and a late answer changes nothing", async () => {
    const talk = await started();
    talk.prompt("withdraw Bash");
    const request = await talk.until(({ type }) => type === "control_request");
    const cancelled = await talk.until(({ type }) => type === "control_cancel_request");
    assert.equal(cancelled["request_id"], request["request_id"]);
    answer(talk, request, { subtype: "success", response: { behavior: "allow" } });
    assert.equal(((await outcome(talk)) as Message)["behavior"], "deny");
    assert.equal(talk.of("runner_error").length, 0);
    assert.equal(await ended(talk), 0);
  });
});

describe("the end", () => {
  it("of a query that fails is told on both pipes", async () => {
    const talk = await started();
    talk.prompt("throw the CLI is gone");
    assert.equal(await within("the end", talk.runner.ended), 1);
    assert.deepEqual(talk.of("runner_error"), [
      { type: "runner_error", code: "claude_failed", message: "the CLI is gone" },
    ]);
  });

  it("of a query that nobody asked to end is a failure", async () => {
    const talk = await started();
    talk.prompt("end");
    assert.equal(await within("the end", talk.runner.ended), 1);
  });

  it("comes when nobody reads stdout any more", async () => {
    const talk = await started();
    talk.stdout.destroy(new Error("EPIPE"));
    assert.equal(await within("the end", talk.runner.ended), 1);
  });
});

describe("Claude Code", () => {
  it("is not read while the sidecar does not read, and nothing is lost", async () => {
    const talk = await started();
    talk.stdout.pause();
    talk.prompt(`child for (let n = 0; n < 3000; n++) console.log(n + " " + "x".repeat(1000))`);
    await until("a full pipe", () => talk.stdout.writableLength > 100_000);
    talk.stdout.resume();
    await talk.until(({ exit }) => exit !== undefined);
    const lines = talk
      .of("assistant")
      .flatMap(({ line }) => (typeof line === "string" ? [line] : []));
    assert.deepEqual(
      lines.map((line) => Number(line.split(" ")[0])),
      range(0, 2999),
    );
    assert.equal(await ended(talk), 0);
  });

  it("gets no variable that would make another Electron of it", async () => {
    const talk = new Talk({
      env: { PATH: process.env["PATH"], ELECTRON_RUN_AS_NODE: "1", KEPT: "yes" },
    });
    await talk.initialise();
    talk.prompt(`child console.log(process.env.KEPT, process.env.ELECTRON_RUN_AS_NODE)`);
    const { line } = await talk.until(({ line }) => line !== undefined);
    assert.equal(line, "yes undefined");
    assert.equal(await ended(talk), 0);
  });
});
