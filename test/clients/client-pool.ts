// A pool for the tests of a client: real processes, and models whose answers are known.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before } from "node:test";
import { promisify } from "node:util";
import { hasProgram } from "@pomona/test/support/programs";
import { runningAttempts } from "@pomona/test/support/running-attempts";
import { pomonaPath, type RunningPool, startPool } from "@pomona/test/support/running-pool";
import { waitFor } from "@pomona/test/support/wait-for";
import { type KnownModels, writeKnownModels } from "./known-models.ts";

/** Why these tests cannot run here; false when they can. */
export const skip = hasProgram("nats-server") ? false : "needs nats-server";

/** Set once the tests run. */
export type ClientPool = {
  /** Where the HTTP API is, without a path. */
  readonly url: string;
  /** Waits until no node works on anything. */
  idle(): Promise<void>;
  /** Waits until so many requests hold a slot. */
  busy(attempts: number): Promise<void>;
};

export type ClientPoolOptions = {
  readonly engine?: "llama" | "simulated";
  readonly nodes?: number;
  /** The assistant once more under other names, with flags of `pomona models add`. */
  readonly added?: Readonly<Record<string, readonly string[]>>;
};

/**
 * Starts a pool before the tests of a file and ends it after them. The simulated engine takes 5 ms for a token and answers
 * in letters.
 */
export function useClientPool({ engine = "llama", nodes = 1, added = {} }: ClientPoolOptions = {}): ClientPool {
  let pool: RunningPool | null = null;
  let models: KnownModels | null = null;
  const running = (): RunningPool => pool ?? assert.fail("the pool runs only while the tests do");
  before(async () => {
    if (skip !== false) return;
    models = writeKnownModels();
    // Read by the node-agents, which inherit it.
    process.env["POMONA_ENGINE"] = engine;
    const sources = [models.assistant, models.thinker];
    pool = await startPool([
      "--nodes",
      String(nodes),
      "--no-mdns",
      ...sources.flatMap((source) => ["--model", source]),
    ]);
    for (const [name, flags] of Object.entries(added)) {
      const add = ["models", "add", `${name}=${models.assistant}`, "--grpc", pool.grpc, "--max", "1", ...flags];
      await promisify(execFile)(process.execPath, [pomonaPath, ...add]);
    }
  });
  after(async () => {
    await pool?.close();
    models?.remove();
  });
  const runs = async (count: (attempts: number) => boolean, what: string): Promise<void> => {
    await waitFor(async () => count(await runningAttempts(running())), 20_000, what);
  };
  return {
    get url() {
      return running().http;
    },
    idle: () => runs((attempts) => attempts === 0, "every slot to be free"),
    busy: (wanted) => runs((attempts) => attempts >= wanted, `${wanted} requests to hold a slot`),
  };
}
