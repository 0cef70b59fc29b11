// The flags of the engine benchmark.
import { accessSync, constants, statSync } from "node:fs";
import { parseArgs } from "node:util";
import type { WritableType } from "@pomona/shared/core/gguf/format";
import type { RandomSize } from "@pomona/shared/core/gguf/random-model";
import { slotCount } from "./contender.ts";

export type BenchModel = { readonly name: string; readonly size: RandomSize; readonly type: WritableType };

export type BenchOptions = {
  /** null compares with the raw library. */
  readonly llamaServer: string | null;
  readonly rounds: number;
  readonly models: readonly BenchModel[];
  readonly streams: readonly number[];
  readonly isJson: boolean;
};

const models: readonly BenchModel[] = [
  { name: "135m-q8", size: "135m", type: "Q8_0" },
  { name: "500m-q4", size: "500m", type: "Q4_0" },
];
const roundsMax = 100;

export const usage = `Usage: npm run -s bench:engine -- [options]

  --llama-server PATH   compare with this llama-server instead of the raw library
  --rounds N            measured rounds, 1 to ${roundsMax} (7); one more warms up
  --models LIST         of ${models.map(({ name }) => name).join(",")} (all)
  --streams LIST        of 1 to ${slotCount} (1,2,4,8)
  --json                one JSON object on standard output
  --help`;

/** What is wrong with a flag, and with which value. */
export class UsageError extends Error {}

/** null asks for the usage. @throws UsageError */
export function readOptions(args: readonly string[]): BenchOptions | null {
  const values = parseFlags(args);
  if (values.help) return null;
  const path = values["llama-server"];
  return {
    llamaServer: path === undefined ? null : executable(path),
    rounds: integer("--rounds", values.rounds, roundsMax),
    models: [...new Set(values.models.split(","))].map(modelNamed),
    streams: [...new Set(values.streams.split(",").map((text) => integer("--streams", text, slotCount)))],
    isJson: values.json,
  };
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        "llama-server": { type: "string" },
        rounds: { type: "string", default: "7" },
        models: { type: "string", default: models.map(({ name }) => name).join(",") },
        streams: { type: "string", default: "1,2,4,8" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function executable(path: string): string {
  try {
    accessSync(path, constants.X_OK);
    if (statSync(path).isFile()) return path;
  } catch {
    // Told below.
  }
  throw new UsageError(`--llama-server ${path} is no program that can be run`);
}

function integer(flag: string, text: string, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > max)
    throw new UsageError(`${flag} takes integers from 1 to ${max}, not "${text}"`);
  return value;
}

function modelNamed(name: string): BenchModel {
  const model = models.find((known) => known.name === name);
  if (model !== undefined) return model;
  throw new UsageError(`--models takes ${models.map((known) => known.name).join(" and ")}, not "${name}"`);
}
