// Bytes to lines, with a bound on how long one may be.

import { StringDecoder } from "node:string_decoder";

export class LineSplitter {
  constructor(mostBytes, onLine) {
    this.mostBytes = mostBytes;
    this.onLine = onLine;
    this.decoder = new StringDecoder("utf8");
    this.rest = [];
    this.restBytes = 0;
  }

  /** Take bytes and hand each whole line on; false once a line is over the bound. */
  feed(data) {
    const pieces = this.decoder.write(data).split("\n");
    const last = pieces.pop();
    for (const piece of pieces) {
      const line = this.rest.join("") + piece;
      this.rest = [];
      this.restBytes = 0;
      this.onLine(line);
    }
    this.rest.push(last);
    this.restBytes += last.length;
    return this.restBytes <= this.mostBytes;
  }
}
