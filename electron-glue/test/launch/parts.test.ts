import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";

import { LaunchFailed } from "../../src/index.js";
import { backoffMs } from "../../src/client/backoff.js";
import { findBinary, type Surroundings } from "../../src/launch/binary.js";
import { readFirstLine } from "../../src/launch/firstline.js";
import { Intensity } from "../../src/launch/intensity.js";
import { LineSplitter, Tail } from "../../src/launch/lines.js";

function failedWith(code: string) {
  return (error: unknown): boolean => error instanceof LaunchFailed && error.failure.code === code;
}

describe("the binary", () => {
  const at = (change: Partial<Surroundings>, ...files: string[]): Surroundings => ({
    env: {},
    platform: "linux",
    resourcesPath: "/app/resources",
    isFile: (path) => files.includes(path),
    ...change,
  });
  const onedir = join("/app/resources", "agent-sidecar", "agent-sidecar");
  const onefile = join("/app/resources", "agent-sidecar");

  it("is the option, else the environment's, else the app's", () => {
    const env = { AGENT_SIDECAR_BINARY: "/env" };
    const where = at({ env }, "/option", "/env", onefile);
    assert.equal(findBinary("/option", where), "/option");
    assert.equal(findBinary(undefined, where), "/env");
    assert.equal(findBinary(undefined, at({}, onefile)), onefile);
    assert.equal(findBinary(undefined, at({}, onedir)), onedir);
    assert.equal(
      findBinary(undefined, at({ platform: "win32" }, `${onefile}.exe`)),
      `${onefile}.exe`,
    );
  });

  it("that is not there is said with the places that were looked at", () => {
    assert.throws(() => findBinary("/option", at({}, onefile)), /looked at \/option/);
    assert.throws(() => findBinary(undefined, at({})), failedWith("not_found"));
    assert.throws(() => findBinary(undefined, at({})), /AGENT_SIDECAR_BINARY/);
    assert.throws(() => findBinary(undefined, at({ resourcesPath: undefined })), /no Electron/);
  });
});

describe("the first line", () => {
  const ready = {
    event: "ready",
    pid: 1,
    port: 2,
    url: "ws://127.0.0.1:2/bridge",
    protocol: 1,
    instance: "i",
    version: "v",
    logId: "l",
    epoch: 1,
  };

  it("is the ready line", () => {
    assert.deepEqual(readFirstLine(JSON.stringify(ready)), ready);
  });

  it("of a failure is an error with the sidecar's code", () => {
    const line = '{"event":"failed","code":"locked","message":"Held by 7","pid":7}';
    assert.throws(
      () => readFirstLine(line),
      (error: unknown) => {
        assert.ok(error instanceof LaunchFailed);
        assert.deepEqual(error.failure, { code: "locked", pid: 7 });
        assert.equal(error.message, "Held by 7");
        return true;
      },
    );
  });

  it("that is anything else is refused, also a url on another machine", () => {
    for (const line of [
      "",
      "hello",
      "[]",
      "{}",
      JSON.stringify({ ...ready, url: "ws://10.0.0.1:2/bridge" }),
      JSON.stringify({ ...ready, url: "http://127.0.0.1:2/" }),
      JSON.stringify({ ...ready, pid: "1" }),
    ]) {
      assert.throws(() => readFirstLine(line), failedWith("bad_ready_line"));
    }
  });
});

describe("lines", () => {
  const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

  it("are joined over chunks, also inside a character", () => {
    const splitter = new LineSplitter();
    const whole = bytes("één\r\ntwo\nthr");
    assert.deepEqual(splitter.push(whole.subarray(0, 1)), []);
    assert.deepEqual(splitter.push(whole.subarray(1)), ["één", "two"]);
    assert.deepEqual(splitter.push(bytes("ee")), []);
    assert.deepEqual(splitter.end(), ["three"]);
    assert.deepEqual(splitter.end(), []);
  });

  it("are bounded, whatever comes without an end", () => {
    const splitter = new LineSplitter(10);
    for (let count = 0; count < 1000; count += 1) splitter.push(bytes("0123456789"));
    assert.deepEqual(splitter.push(bytes("\nnext\n")), ["0123456789", "next"]);
  });

  it("keep their tail", () => {
    const tail = new Tail(8);
    for (const line of ["one", "two", "three"]) tail.add(line);
    assert.equal(tail.text, "o\nthree\n");
  });
});

describe("waiting", () => {
  it("doubles up to its bound, less what chance takes off", () => {
    const waits = [0, 1, 2, 3, 10, 5000].map((attempt) => backoffMs(attempt, 50, 500, () => 0));
    assert.deepEqual(waits, [50, 100, 200, 400, 500, 500]);
    assert.ok(backoffMs(0, 100, 500, () => 0.999) > 70);
  });

  it("ends when there were too many deaths in the window", () => {
    const intensity = new Intensity(2, 1000);
    assert.deepEqual([intensity.died(0), intensity.died(100), intensity.died(200)], [0, 1, null]);
    assert.equal(intensity.died(5000), 0);
  });
});
