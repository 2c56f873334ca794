// Consumers on a local socket: each is a cursor into the ring, and is never waited for.

import { createServer } from "node:net";
import { log } from "./log.mjs";
import { LineSplitter } from "./lines.mjs";

const HELLO_BYTES = 64 * 1024;

class Consumer {
  constructor(ring, socket) {
    this.ring = ring;
    this.socket = socket;
    this.cursor = null; // until it said hello
    const splitter = new LineSplitter(HELLO_BYTES, (line) => this.hello(line));
    socket.setNoDelay(true);
    socket.on("data", (data) => {
      if (!splitter.feed(data)) socket.destroy();
    });
    socket.on("drain", () => {
      this.flush();
      ring.pace();
    });
    socket.on("error", (error) => log("info", `a consumer failed: ${error.message}`));
    socket.on("close", () => {
      ring.readers.delete(this);
      ring.pace(); // one who is away holds nobody back
    });
  }

  hello(line) {
    let said;
    try {
      said = JSON.parse(line);
    } catch {
      this.socket.destroy();
      return;
    }
    const { ring } = this;
    const resumed = said.instance === ring.instance;
    const after = resumed ? said.after : 0;
    const lost = Math.max(0, ring.oldest - 1 - after);
    this.cursor = after + lost;
    this.socket.write(`${JSON.stringify({ instance: ring.instance, resumed, after, lost })}\n`);
    ring.readers.add(this);
    this.flush();
  }

  /** Write what is new, as long as the socket takes it; one that is too slow gets a gap. */
  flush() {
    const { ring, socket } = this;
    while (this.cursor !== null && this.cursor < ring.head && !socket.writableNeedDrain) {
      const lost = ring.oldest - 1 - this.cursor;
      if (lost > 0) {
        this.cursor += lost;
        socket.write(`${JSON.stringify({ kind: "gap", lost })}\n`);
      }
      this.cursor += 1;
      socket.write(ring.line(this.cursor));
    }
  }
}

/** Listen on a free port of this machine; resolves to the port. */
export function listen(ring) {
  const server = createServer((socket) => new Consumer(ring, socket));
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server.address().port));
  });
}
