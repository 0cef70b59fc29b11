// Several coordinators of one pool and their nodes, as real processes with a real NATS.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LeaseRecord } from "@pomona/coordinator/core/lease";
import { decodeLease } from "@pomona/coordinator/nats/coordinator-record";
import { type GgufModel, writeGguf } from "@pomona/shared/core/gguf/writer";
import { connectBus } from "@pomona/shared/nats/connect-bus";
import { createSilentLogger } from "@pomona/shared/runtime/logger";
import type { EngineName } from "../chaos/prompts.ts";
import { startTestNatsServer, type TestNatsServer } from "./nats-server.ts";
import { type StartedProcess, startPomona } from "./started-process.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "./temporary-directory.ts";
import { waitFor } from "./wait-for.ts";

export type TeamCoordinator = StartedProcess & { readonly http: string };

export type TeamOptions = {
  /** `simulated` by default. */
  readonly engine?: EngineName;
  /** Served beside the built-in one; none by default. */
  readonly models?: Readonly<Record<string, GgufModel>>;
};

export type Completion = { readonly status: number; readonly text: string; readonly body: string };

export type WatchedLease = { readonly wasGivenBack: () => boolean; readonly close: () => Promise<void> };

const cluster = "team";
const timeoutMs = 15_000;
const startTimeoutMs = 30_000;
const agentCount = 2;

export class CoordinatorTeam {
  readonly nats: TestNatsServer;
  readonly coordinators = new Map<string, TeamCoordinator>();
  agents: readonly StartedProcess[] = [];
  readonly #directory: TemporaryDirectory;
  readonly #engine: EngineName;
  readonly #models: readonly string[];

  private constructor(nats: TestNatsServer, { engine = "simulated", models = {} }: TeamOptions) {
    this.nats = nats;
    this.#directory = createTemporaryDirectory("team");
    this.#engine = engine;
    this.#models = Object.entries(models).map(([name, model]) => {
      const path = join(this.#directory.path, `${name}.gguf`);
      writeFileSync(path, writeGguf(model));
      return `${name}=${path}`;
    });
  }

  /** Waits until every one of the coordinators answers with the built-in model. */
  static async start(names: readonly string[], options: TeamOptions = {}): Promise<CoordinatorTeam> {
    const team = new CoordinatorTeam(await startTestNatsServer(), options);
    for (const name of names) await team.startCoordinator(name);
    team.agents = await Promise.all(Array.from({ length: agentCount }, (_, index) => team.startAgent(index)));
    await waitFor(() => team.answersAll(), startTimeoutMs, "all ports answer");
    return team;
  }

  async startCoordinator(name: string, natsUrl = this.nats.url): Promise<void> {
    const args = ["--state-dir", join(this.#directory.path, name), "--cluster", cluster, "--http-port", "0"];
    const models = ["tiny=builtin:tiny", ...this.#models].flatMap((model) => ["--model", model]);
    const { http = "", ...started } = await startPomona(["coordinator", ...args, ...models, "--nats-url", natsUrl]);
    this.coordinators.set(name, { ...started, http });
  }

  /** With the state of the one of the same index that ran before. */
  async startAgent(index: number): Promise<StartedProcess> {
    const peers = [...this.coordinators.values()].flatMap(({ grpc }) => ["--peer", grpc]);
    const state = ["--state-dir", join(this.#directory.path, `agent-${index}`)];
    return await startPomona(["agent", ...state, ...peers, "--engine", this.#engine, "--budget", "1GB"]);
  }

  at(name: string | undefined): TeamCoordinator {
    const found = this.coordinators.get(name ?? "");
    assert.ok(found !== undefined);
    return found;
  }

  /** Waits until exactly one is active. */
  async one(): Promise<readonly [active: string, ...standbys: string[]]> {
    await waitFor(async () => (await this.activeNames()).length === 1, timeoutMs, "exactly one is active");
    const [active = ""] = await this.activeNames();
    return [active, ...[...this.coordinators.keys()].filter((name) => name !== active)];
  }

  async activeNames(): Promise<string[]> {
    const values = await Promise.all(
      [...this.coordinators].map(async ([name, { http }]) => ({ name, is: await metric(http) })),
    );
    return values.filter(({ is }) => is === 1).map(({ name }) => name);
  }

  async answersAll(some: Iterable<{ readonly http: string }> = this.coordinators.values()): Promise<boolean> {
    const answers = await Promise.all([...some].map(({ http }) => completion(http)));
    return answers.every(({ status }) => status === 200);
  }

  /** What the lease says from now on: whoever follows one that did not give it back has waited until it ran out. */
  async watchLease(): Promise<WatchedLease> {
    const bus = connectBus({ urls: [this.nats.url], name: "test", log: createSilentLogger() });
    const records: LeaseRecord[] = [];
    let hasBegun = false;
    bus.openBucket({ name: `pomona-${cluster}-lease` }).watch((change) => {
      hasBegun = true;
      if (change.kind === "set") records.push(decodeLease(change.entry.value));
    });
    await waitFor(() => hasBegun, timeoutMs, "the lease is read");
    return { wasGivenBack: () => records.some(({ holder }) => holder === null), close: () => bus.close() };
  }

  async close(): Promise<void> {
    await Promise.all([...this.coordinators.values(), ...this.agents].map((each) => each.close()));
    await this.nats.close();
    this.#directory.remove();
  }
}

export async function completion(
  http: string,
  prompt = "hello",
  more: object = { max_tokens: 4 },
): Promise<Completion> {
  try {
    const body = JSON.stringify({ model: "tiny", prompt, ...more });
    const headers = { "content-type": "application/json" };
    const signal = AbortSignal.timeout(2 * timeoutMs);
    const answer = await fetch(`${http}/v1/completions`, { method: "POST", headers, body, signal });
    const text = await answer.text();
    return { status: answer.status, text: textOf(text), body: text };
  } catch (error) {
    return { status: 0, text: "", body: String(error) };
  }
}

/** Of a plain answer or a stream. */
export function textOf(body: string): string {
  const events = body.startsWith("{") ? [`data: ${body}`] : body.split("\n");
  return events
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice("data: ".length)).choices?.[0]?.text ?? "")
    .join("");
}

/** One that says something of the coordinator itself: `active` is 1 or 0. null when it does not answer. */
export async function metric(http: string, name = "active"): Promise<number | null> {
  try {
    const answer = await fetch(`${http}/metrics`, { signal: AbortSignal.timeout(timeoutMs) });
    return Number(new RegExp(`^pomona_coordinator_${name} (\\d+)$`, "m").exec(await answer.text())?.[1]);
  } catch {
    return null;
  }
}

export async function runningRequests(http: string): Promise<number> {
  const status = await fetch(`${http}/cluster/v1/state`);
  return ((await status.json()) as { runningRequests: number }).runningRequests;
}
