// What streams and nodes make of a coordinator that is followed by another one: killed, asleep, or stopped in order.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { predictSimulated } from "@pomona/node-agent/engine/simulated/simulated-engine";
import { pomona } from "@pomona/proto/load";
import { callUnary, createNodeClient, readStream } from "@pomona/shared/grpc/client";
import { nodeStatusFromWire } from "@pomona/shared/grpc/wire-status";
import { CoordinatorTeam, completion, metric, runningRequests } from "../support/coordinator-team.ts";
import { GrpcGeneration } from "../support/grpc-generation.ts";
import { natsSkipReason } from "../support/nats-server.ts";
import { waitFor } from "../support/wait-for.ts";

const skip = natsSkipReason;
const timeoutMs = 30_000;
const tokens = 1000;
/** A fifth of the time that a coordinator gives what runs when it is told to stop. */
const shortTokens = 80;
/** Between two answers while one follows another: 0.2 s on a free machine. */
const gapMsMax = 5000;
const cluster = "team";
let team: CoordinatorTeam;

before(async () => {
  if (skip === false) team = await CoordinatorTeam.start(["a", "b"]);
});

after(() => team?.close());

const expectedOf = (prompt: string, count = tokens): string =>
  predictSimulated([...new TextEncoder().encode(prompt)], count);

type Streaming = { readonly prompt: string; readonly body: Promise<string> };

/** By HTTP; the texts and what else must come once are looked at when it has ended. */
function httpStream(http: string, prompt: string, count = tokens): Streaming {
  const body = completion(http, prompt, { max_tokens: count, stream: true }).then((answer) => answer.body);
  return { prompt, body };
}

function checkWhole(body: string, prompt: string, count = tokens): void {
  assert.notEqual(textIn(body), "", body);
  assert.equal(textIn(body), expectedOf(prompt, count));
  assert.equal(body.match(/^data: \[DONE\]$/gm)?.length, 1);
  assert.equal(body.match(/"error"/g), null);
  assert.equal(new Set([...body.matchAll(/"id":"([^"]+)"/g)].map(([, id]) => id)).size, 1);
}

function textIn(body: string): string {
  const chunks = [...body.matchAll(/^data: (\{"id".*)$/gm)].map(([, data = ""]) => JSON.parse(data));
  return chunks.map(({ choices }) => choices[0]?.text ?? "").join("");
}

function lastIdIn(body: string): string {
  return [...body.matchAll(/^id: (\S+)$/gm)].at(-1)?.[1] ?? "";
}

/** As a client that comes back asks for it, until somebody has it. */
async function restOf(http: string, lastEventId: string): Promise<string> {
  let body = "";
  await waitFor(async () => {
    const headers = { "content-type": "application/json", "last-event-id": lastEventId };
    const request = JSON.stringify({ model: "tiny", prompt: "", max_tokens: tokens, stream: true });
    const answer = await fetch(`${http}/v1/completions`, { method: "POST", headers, body: request });
    body = await answer.text();
    return answer.status === 200;
  }, timeoutMs);
  return body;
}

/** Attempts that hold a slot, asked of the nodes themselves. */
async function attemptsOnNodes(): Promise<string[]> {
  const lists = await Promise.all(
    team.agents.map(async ({ grpc }) => {
      const client = createNodeClient(grpc);
      const controller = new AbortController();
      const running: string[] = [];
      await readStream(client, pomona.Node.service.WatchStatus, {
        request: {},
        timeoutMs,
        signal: controller.signal,
        onMessage: ({ status }) => {
          for (const replica of nodeStatusFromWire(status).replicas)
            running.push(...replica.running.map(({ requestId }) => requestId));
          controller.abort();
        },
      }).catch(() => undefined);
      client.close();
      return running;
    }),
  );
  return lists.flat();
}

/** What a node answers to a coordinator of this term, whatever it is asked for. */
async function codesAt(address: string, term: number): Promise<string[]> {
  const client = createNodeClient(address, { current: () => ({ cluster, term }), onSuperseded: () => undefined });
  const { signal } = new AbortController();
  const { service } = pomona.Node;
  const stream = { request: {}, timeoutMs, signal, onMessage: () => undefined };
  const calls = [
    readStream(client, service.Generate, stream),
    readStream(client, service.Attach, stream),
    readStream(client, service.PullModel, stream),
    callUnary(client, service.CancelAttempt, stream),
    callUnary(client, service.KeepAttempts, stream),
    callUnary(client, service.LoadReplica, stream),
    callUnary(client, service.UnloadReplica, stream),
    callUnary(client, service.RemoveModelFile, stream),
    callUnary(client, service.Drain, stream),
  ];
  const settled = await Promise.allSettled(calls);
  client.close();
  return settled.map((each) => (each.status === "fulfilled" ? "ok" : String(each.reason.code)));
}

test("streams through a standby go on to their ends when the active one is killed, by gRPC too", { skip }, async () => {
  const [active, standby] = await team.one();
  const http = httpStream(team.at(standby).http, "killed by http");
  const grpc = new GrpcGeneration();
  const done = grpc.generate(team.at(standby).grpc, { model: "tiny", prompt: "killed by grpc", maxTokens: tokens });
  await waitFor(() => grpc.text.length >= 10, timeoutMs, "ten tokens");
  await waitFor(async () => (await runningRequests(team.at(active).http)) === 2, timeoutMs, "both run");
  const attached = new GrpcGeneration();
  attached.requestId = grpc.requestId;
  const alsoDone = attached.attach(team.at(standby).grpc);
  await waitFor(() => attached.text.length >= 10, timeoutMs, "ten tokens");
  await team.at(active).kill();
  assert.deepEqual(await Promise.all([done, alsoDone]), [true, true], [...grpc.errors, ...attached.errors].join());
  for (const each of [grpc, attached])
    assert.deepEqual([each.text, each.endings], [expectedOf("killed by grpc"), ["FINISH_REASON_LENGTH"]]);
  checkWhole(await http.body, http.prompt);
  team.coordinators.delete(active);
  await team.startCoordinator(active);
  await waitFor(() => team.answersAll(), timeoutMs, "all answer");
});

test("one that slept through its lease changes nothing on nodes, steps down, and leaves its streams to the next one", {
  skip,
}, async () => {
  const [active, standby = ""] = await team.one();
  const term = (await metric(team.at(active).http, "term")) ?? 0;
  const through = [0, 1, 2].map((index) => httpStream(team.at(standby).http, `through ${index}`));
  const direct = httpStream(team.at(active).http, "direct");
  const grpc = new GrpcGeneration();
  const grpcDone = grpc.generate(team.at(standby).grpc, { model: "tiny", prompt: "grpc", maxTokens: tokens });
  const own = new GrpcGeneration();
  const ownDone = own.generate(team.at(active).grpc, { model: "tiny", prompt: "own", maxTokens: tokens });
  // A request that has moved may hold two slots for a moment.
  await waitFor(async () => new Set(await attemptsOnNodes()).size === 6, timeoutMs, "all run");
  // More than there are slots: they wait, and would be started by whoever takes itself for the active one.
  const more = Array.from({ length: 6 }, (_, index) => httpStream(team.at(active).http, `more ${index}`));
  const isQueued = async (): Promise<boolean> => {
    const text = await (await fetch(`${team.at(active).http}/metrics`)).text();
    return /^pomona_queue_depth\{[^}]*\} 4$/m.test(text);
  };
  await waitFor(isQueued, timeoutMs, "four wait");
  const known = await attemptsOnNodes();
  process.kill(team.at(active).pid, "SIGSTOP");
  try {
    await waitFor(async () => (await metric(team.at(standby).http)) === 1, timeoutMs, "the other one takes over");
    for (const { body, prompt } of through) checkWhole(await body, prompt);
    assert.equal(await grpcDone, true, grpc.errors.join());
    assert.deepEqual([grpc.text, grpc.endings], [expectedOf("grpc"), ["FINISH_REASON_LENGTH"]]);
    const refused = Array.from({ length: 9 }, () => "superseded");
    for (const { grpc: address } of team.agents) assert.deepEqual(await codesAt(address, term), refused);
    await waitFor(async () => (await attemptsOnNodes()).length === 0, timeoutMs, "what was begun has ended");
  } finally {
    process.kill(team.at(active).pid, "SIGCONT");
  }
  const host = new URL(team.at(standby).http).host;
  const late: string[] = [];
  await waitFor(
    async () => {
      late.push(...(await attemptsOnNodes()));
      const ready = await (await fetch(`${team.at(active).http}/readyz`)).text();
      return ready.includes(`standby of ${host}`);
    },
    timeoutMs,
    "it stands by",
  );
  await Promise.all([ownDone, direct.body, ...more.map(({ body }) => body)]);
  late.push(...(await attemptsOnNodes()));
  assert.deepEqual(late, [], "nothing was started by the one that woke up");
  assert.deepEqual(await team.activeNames(), [standby]);
  const cut = await direct.body;
  checkWhole(cut.replace(/^data: \{"error".*$/m, "") + (await restOf(team.at(standby).http, lastIdIn(cut))), "direct");
  await waitFor(() => own.attach(team.at(standby).grpc), timeoutMs, "the rest");
  assert.equal(own.text, expectedOf("own"));
  assert.equal(known.length, new Set(known).size);
  await waitFor(() => team.answersAll(), timeoutMs, "all answer");
});

/** Asks for one token after the other. The longest time between two answers, in milliseconds, until it is closed. */
class Probe {
  longestGapMs = 0;
  failures = 0;
  answers = 0;
  #isOver = false;
  readonly #loop: Promise<void>;

  constructor(http: string) {
    this.#loop = this.#ask(http);
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await this.#loop;
  }

  async #ask(http: string): Promise<void> {
    let lastAtMs = performance.now();
    while (!this.#isOver) {
      const { status } = await completion(http, "probe", { max_tokens: 1 });
      const nowMs = performance.now();
      if (status !== 200) {
        this.failures += 1;
        continue;
      }
      this.longestGapMs = Math.max(this.longestGapMs, nowMs - lastAtMs);
      lastAtMs = nowMs;
      this.answers += 1;
    }
  }
}

test("one that is told to stop hands over at once, ends what it has time for, and leaves the rest to the next one", {
  skip,
}, async (t) => {
  const [active, standby = ""] = await team.one();
  const [own, other] = [team.at(active), team.at(standby)];
  const long = httpStream(own.http, "long and direct");
  const through = httpStream(other.http, "long through http");
  const grpc = new GrpcGeneration();
  const grpcDone = grpc.generate(other.grpc, { model: "tiny", prompt: "long through grpc", maxTokens: tokens });
  await waitFor(() => grpc.text.length >= 10, timeoutMs, "the long ones run");
  const short = httpStream(own.http, "short and direct", shortTokens);
  const plain = completion(other.http, "short and plain", { max_tokens: shortTokens });
  let ended = 0;
  for (const one of [short.body, plain]) void one.then(() => (ended += 1));
  await waitFor(async () => (await runningRequests(own.http)) + ended >= 5, timeoutMs, "all run, or have run");
  const probe = new Probe(other.http);
  await waitFor(() => probe.answers >= 5, timeoutMs, "answers");
  const lease = await team.watchLease();
  const stoppedAtMs = performance.now();
  let isGone = false;
  const stopped = own.close().finally(() => {
    isGone = true;
  });
  await waitFor(async () => (await metric(other.http)) === 1, timeoutMs, "the other one is active");
  const activeMs = performance.now() - stoppedAtMs;
  assert.equal(isGone, false, "the old one has still to end what it has begun");
  assert.ok(lease.wasGivenBack(), "nobody had to wait until the lease ran out");
  await lease.close();
  await waitFor(() => grpc.endings.length > 0, timeoutMs, "the end");
  await Promise.all([stopped, grpcDone, through.body]);
  await probe.close();
  t.diagnostic(
    `active after ${Math.round(activeMs)} ms; no answer for ${Math.round(probe.longestGapMs)} ms, ${probe.failures} refused`,
  );
  checkWhole(await short.body, short.prompt, shortTokens);
  assert.equal((await plain).text, expectedOf("short and plain", shortTokens), (await plain).body);
  checkWhole(await through.body, through.prompt);
  assert.deepEqual([grpc.text, grpc.endings], [expectedOf("long through grpc"), ["FINISH_REASON_LENGTH"]]);
  const cut = await long.body;
  assert.match(cut, /"code":"shutting_down"/);
  checkWhole(cut.replace(/^data: \{"error".*$/m, "") + (await restOf(other.http, lastIdIn(cut))), long.prompt);
  assert.ok(probe.longestGapMs < gapMsMax, `no answer for ${probe.longestGapMs} ms`);
  team.coordinators.delete(active);
  await team.startCoordinator(active);
  await waitFor(() => team.answersAll(), timeoutMs, "all answer");
});

test("a node that was started again holds a coordinator to the term that it knew", { skip }, async () => {
  const [active] = await team.one();
  const term = (await metric(team.at(active).http, "term")) ?? 0;
  const [first, ...others] = team.agents;
  assert.ok(first !== undefined);
  await first.close();
  const again = await team.startAgent(0);
  team.agents = [again, ...others];
  assert.deepEqual(new Set(await codesAt(again.grpc, term - 1)), new Set(["superseded"]));
  assert.equal((await codesAt(again.grpc, term)).includes("superseded"), false);
});
