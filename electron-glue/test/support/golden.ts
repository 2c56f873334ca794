/** The golden files that hold this fold and the sidecar's to the same rules. */

import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import type { SidecarEvent } from "../../src/index.js";

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export interface Golden {
  readonly name: string;
  readonly about: string;
  readonly events: SidecarEvent[];
  readonly expected: unknown;
}

/** `npm test` runs in electron-glue. */
const FOLDER = resolve("..", "tests", "fixtures", "fold");

export function goldenFiles(): Golden[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(".json"))
    .map((name) => {
      const file = JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as {
        about: string;
        events: Json[];
        expected: Json;
      };
      return {
        name,
        about: file.about,
        events: file.events.flatMap(expand) as unknown as SidecarEvent[],
        expected: fill(file.expected),
      };
    });
}

/** A step is an event map, or {times, of}: the maps so many times, "{n}" replaced by the turn. */
function expand(step: Json): Json[] {
  if (step === null || typeof step !== "object" || Array.isArray(step)) return [step];
  const { times, of } = step;
  if (typeof times !== "number" || !Array.isArray(of)) return [fill(step)];
  return Array.from({ length: times }, (_, turn) => of.map((map) => fill(map, turn))).flat();
}

/** Replace "{n}", and {"$text": [[piece, count], …]}, everywhere in a value. */
function fill(value: Json, turn?: number): Json {
  if (typeof value === "string") {
    return turn === undefined ? value : value.replaceAll("{n}", String(turn));
  }
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((part) => fill(part, turn));
  const text = value["$text"] as [string, number][] | undefined;
  if (text !== undefined) return text.map(([piece, count]) => piece.repeat(count)).join("");
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, fill(part, turn)]));
}
