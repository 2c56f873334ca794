/** A claude runner in this process, on the fake SDK, as the sidecar would talk to it. */

import { PassThrough } from "node:stream";

import { Runner } from "../../src/claude-runner/runner.mjs";
import type { Sdk } from "../../src/claude-runner/sdk.mjs";
import * as fakeSdk from "../fakes/agentSdk.js";
import { until } from "./waiting.js";

export type Message = Record<string, unknown>;

export class Talk {
  readonly said: Message[] = [];
  readonly stdout: PassThrough;
  readonly stderr: PassThrough = new PassThrough();
  readonly runner: Runner;
  #ids = 0;

  constructor(
    options: {
      sdk?: Sdk;
      load?: () => Promise<never>;
      reading?: boolean;
      env?: NodeJS.ProcessEnv;
    } = {},
  ) {
    this.stdout = new PassThrough({ highWaterMark: 1024 });
    const sdk = options.sdk ?? (fakeSdk as unknown as Sdk);
    this.runner = new Runner({
      load: options.load ?? (() => Promise.resolve({ sdk, version: "0.3.0" })),
      stdout: this.stdout,
      stderr: this.stderr,
      env: options.env ?? process.env,
    });
    this.stderr.resume();
    if (options.reading !== false) this.read();
  }

  read(): void {
    let rest = "";
    this.stdout.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split("\n");
      rest = lines.pop() ?? "";
      this.said.push(...lines.map((line) => JSON.parse(line) as Message));
    });
  }

  write(text: string): void {
    this.runner.take(Buffer.from(`${text}\n`));
  }

  send(message: object): void {
    this.write(JSON.stringify(message));
  }

  prompt(content: string): void {
    this.send({ type: "user", message: { role: "user", content } });
  }

  /** Send a control request; returns the `response` of its control_response. */
  async control(subtype: string, params: object = {}): Promise<Message> {
    const id = `c-${(this.#ids += 1)}`;
    this.send({ type: "control_request", request_id: id, request: { subtype, ...params } });
    const found = await this.until(
      (message) =>
        message["type"] === "control_response" &&
        (message["response"] as Message)["request_id"] === id,
    );
    return found["response"] as Message;
  }

  initialise(options: object = {}, contract = 1): Promise<Message> {
    return this.control("initialize", { hooks: null, session: { contract, options } });
  }

  async until(test: (message: Message) => boolean): Promise<Message> {
    await until("a message of the runner", () => this.said.some(test));
    return this.said.find(test) ?? {};
  }

  of(type: string): Message[] {
    return this.said.filter((message) => message["type"] === type);
  }
}
