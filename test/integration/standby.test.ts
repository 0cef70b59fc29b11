// Three coordinators of one pool, as real processes with a real NATS: one is active, and the others are as good to call.
import assert from "node:assert/strict";
import { request } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pomona } from "@pomona/proto/load";
import { toPomonaError } from "@pomona/shared/core/errors";
import { callUnary, createClusterClient, createInferenceClient, readStream } from "@pomona/shared/grpc/client";
import { openLine } from "../support/cuttable-line.ts";
import { natsSkipReason, startTestNatsServer, type TestNatsServer } from "../support/nats-server.ts";
import { type StartedProcess, startPomona } from "../support/started-process.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { waitFor } from "../support/wait-for.ts";

const skip = natsSkipReason;
const timeoutMs = 15_000;
const directory = createTemporaryDirectory("standby");
const names = ["a", "b", "c"] as const;
let nats: TestNatsServer;
let agents: StartedProcess[] = [];
const coordinators = new Map<string, StartedProcess & { readonly http: string }>();

before(async () => {
  if (skip !== false) return;
  nats = await startTestNatsServer();
  for (const name of names) await startCoordinator(name);
  const peers = [...coordinators.values()].flatMap(({ grpc }) => ["--peer", grpc]);
  const agent = (index: number): Promise<StartedProcess> => {
    const state = ["--state-dir", join(directory.path, `agent-${index}`)];
    return startPomona(["agent", ...state, ...peers, "--engine", "simulated", "--budget", "1GB"]);
  };
  agents = await Promise.all([0, 1].map(agent));
  await waitFor(() => answersAll(coordinators.values()), 30_000, "all ports answer");
});

after(async () => {
  await Promise.all([...coordinators.values(), ...agents].map((each) => each.close()));
  await nats?.close();
  directory.remove();
});

async function startCoordinator(name: string, natsUrl = nats.url): Promise<void> {
  const args = ["--state-dir", join(directory.path, name), "--cluster", "standby-test", "--http-port", "0"];
  const model = ["--model-when-none", "builtin:tiny"];
  const { http = "", ...started } = await startPomona(["coordinator", ...args, ...model, "--nats-url", natsUrl]);
  coordinators.set(name, { ...started, http });
}

async function answersAll(some: Iterable<{ readonly http: string }>): Promise<boolean> {
  const answers = await Promise.all([...some].map(({ http }) => completion(http)));
  return answers.every(({ status }) => status === 200);
}

type Completion = { readonly status: number; readonly text: string; readonly body: string };

async function completion(http: string, prompt = "hello", more: object = { max_tokens: 4 }): Promise<Completion> {
  try {
    const body = JSON.stringify({ model: "tiny", prompt, ...more });
    const headers = { "content-type": "application/json" };
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await fetch(`${http}/v1/completions`, { method: "POST", headers, body, signal });
    const text = await answer.text();
    return { status: answer.status, text: textOf(text), body: text };
  } catch (error) {
    return { status: 0, text: "", body: String(error) };
  }
}

/** Of a plain answer or a stream. */
function textOf(body: string): string {
  const events = body.startsWith("{") ? [`data: ${body}`] : body.split("\n");
  return events
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice("data: ".length)).choices?.[0]?.text ?? "")
    .join("");
}

/** 1 or 0; null when it does not answer. */
async function metric(http: string, name = "active"): Promise<number | null> {
  try {
    const answer = await fetch(`${http}/metrics`, { signal: AbortSignal.timeout(timeoutMs) });
    return Number(new RegExp(`^pomona_coordinator_${name} (\\d+)$`, "m").exec(await answer.text())?.[1]);
  } catch {
    return null;
  }
}

async function activeNames(): Promise<string[]> {
  const values = await Promise.all(
    [...coordinators].map(async ([name, { http }]) => ({ name, is: await metric(http) })),
  );
  return values.filter(({ is }) => is === 1).map(({ name }) => name);
}

async function one(): Promise<readonly [active: string, ...standbys: string[]]> {
  await waitFor(async () => (await activeNames()).length === 1, timeoutMs, "exactly one is active");
  const [active = ""] = await activeNames();
  return [active, ...[...coordinators.keys()].filter((name) => name !== active)];
}

function at(name: string | undefined): StartedProcess & { readonly http: string } {
  const found = coordinators.get(name ?? "");
  assert.ok(found !== undefined);
  return found;
}

async function runningRequests(http: string): Promise<number> {
  const status = await fetch(`${http}/cluster/v1/state`);
  return ((await status.json()) as { runningRequests: number }).runningRequests;
}

test("every port answers the same", { skip }, async () => {
  await one();
  const answers = await Promise.all(
    [...coordinators.values()].map(async ({ http }) => (await fetch(`${http}/v1/models`)).json()),
  );
  assert.equal((answers[0] as { data: unknown[] }).data.length, 1);
  assert.deepEqual(answers[1], answers[0]);
  assert.deepEqual(answers[2], answers[0]);
});

test("a standby says of itself whose standby it is, and everyone knows all three", { skip }, async () => {
  const [active, ...standbys] = await one();
  const { host } = new URL(at(active).http);
  for (const name of standbys) {
    const answer = await fetch(`${at(name).http}/readyz`);
    assert.deepEqual(await answer.json(), { ready: true, reasons: [`standby of ${host}`] });
    const client = createClusterClient(at(name).grpc);
    const call = { request: {}, timeoutMs, signal: AbortSignal.timeout(timeoutMs) };
    try {
      await waitFor(async () => {
        const status = await callUnary(client, pomona.Cluster.service.GetStatus, call);
        return status.coordinators.length === 3 && status.coordinators[0]?.httpAddress === host;
      }, timeoutMs);
    } finally {
      client.close();
    }
  }
});

test("a completion through a standby is that of the active one, plain and streamed, with the same headers", {
  skip,
}, async () => {
  const [active, standby] = await one();
  for (const more of [{ max_tokens: 200 }, { max_tokens: 200, stream: true }]) {
    const direct = await completion(at(active).http, "once upon", more);
    const through = await completion(at(standby).http, "once upon", more);
    assert.equal(direct.text.length, 200);
    assert.equal(through.text, direct.text);
    assert.deepEqual([direct.status, through.status], [200, 200]);
  }
});

test("a stream through a standby comes as it is generated, and ends on the node when its client leaves", {
  skip,
}, async () => {
  const [active, standby] = await one();
  const { hostname, port } = new URL(at(standby).http);
  const running = (): Promise<number> => runningRequests(at(active).http);
  const call = request({ hostname, port, path: "/v1/completions", method: "POST" });
  call.setHeader("content-type", "application/json");
  call.on("error", () => undefined);
  const first = new Promise<string>((resolve) =>
    call.on("response", (answer) => answer.once("data", (bytes: Buffer) => resolve(bytes.toString()))),
  );
  call.end(JSON.stringify({ model: "tiny", prompt: "long", max_tokens: 8000, stream: true }));
  assert.match(await first, /^(:|id: |data: )/);
  assert.equal(await running(), 1);
  call.destroy();
  await waitFor(async () => (await running()) === 0, timeoutMs, "nothing runs any more");
});

test("errors of HTTP and gRPC come through a standby with all that they say", { skip }, async () => {
  const [active, standby] = await one();
  const [direct, through] = await Promise.all(
    [active, standby].map((name) => completion(at(name).http, "x", { model: "none" })),
  );
  assert.deepEqual([through?.status, through?.body], [404, direct?.body]);
  const client = createInferenceClient(at(standby).grpc);
  const call = { request: { model: "none", text: "x" }, timeoutMs, signal: AbortSignal.timeout(timeoutMs) };
  try {
    await assert.rejects(callUnary(client, pomona.Inference.service.Tokenize, call), (thrown) => {
      assert.equal(toPomonaError(thrown).code, "model_not_found");
      return true;
    });
  } finally {
    client.close();
  }
});

test("a gRPC stream through a standby is that of the active one, and its deadline holds", { skip }, async () => {
  const [active, standby] = await one();
  const generated = async (name: string | undefined, maxTokens: number, deadlineMs: number): Promise<string> => {
    const client = createInferenceClient(at(name).grpc);
    let text = "";
    try {
      await readStream(client, pomona.Inference.service.Generate, {
        request: { model: "tiny", prompt: "once upon", maxTokens },
        timeoutMs: deadlineMs,
        signal: AbortSignal.timeout(timeoutMs),
        onMessage: (message) => {
          text += message.text?.text ?? "";
        },
      });
      return text;
    } finally {
      client.close();
    }
  };
  const direct = await generated(active, 200, timeoutMs);
  assert.equal(direct.length, 200);
  assert.equal(await generated(standby, 200, timeoutMs), direct);
  await assert.rejects(generated(standby, 8000, 300), { code: "deadline_exceeded" });
});

test("what was sent on once is not sent on again", { skip }, async () => {
  const [, standby] = await one();
  const answer = await fetch(`${at(standby).http}/v1/models`, { headers: { "x-pomona-forwarded": "10.0.0.9" } });
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get("retry-after"), "1");
  const { error } = (await answer.json()) as { error: { code: string } };
  assert.equal(error.code, "no_active_coordinator");
});

test("after the active one was killed another one serves", { skip }, async () => {
  const [active, ...standbys] = await one();
  const term = await metric(at(active).http, "term");
  await at(active).kill();
  const others = standbys.map(at);
  await waitFor(() => answersAll(others), timeoutMs, "the others answer");
  const terms = await Promise.all(others.map(({ http }) => metric(http, "term")));
  assert.deepEqual(terms, [(term ?? 0) + 1, (term ?? 0) + 1]);
  coordinators.delete(active);
  await startCoordinator(active);
  assert.equal((await one())[0] === active, false);
  await waitFor(() => answersAll(coordinators.values()), timeoutMs, "all answer");
});

test("a stream through a standby goes on to its end when the active one is killed, letter by letter", {
  skip,
}, async () => {
  const [active, ...standbys] = await one();
  const long = { max_tokens: 1200, temperature: 0 };
  const whole = await completion(at(active).http, "tell me more", long);
  assert.equal(whole.status, 200);
  const streams = standbys.map((name) => completion(at(name).http, "tell me more", { ...long, stream: true }));
  await waitFor(async () => (await runningRequests(at(active).http)) === streams.length, timeoutMs, "both streams run");
  await at(active).kill();
  for (const { text, body } of await Promise.all(streams)) {
    assert.equal(text, whole.text);
    assert.equal(body.match(/\[DONE\]/g)?.length, 1);
    assert.equal(new Set([...body.matchAll(/"id":"([^"]+)"/g)].map(([, id]) => id)).size, 1);
  }
  coordinators.delete(active);
  await startCoordinator(active);
  await waitFor(() => answersAll(coordinators.values()), timeoutMs, "all answer");
});

test("one that was stopped for 5 s is a standby when it goes on: never are two active", { skip }, async () => {
  const [active, ...standbys] = await one();
  process.kill(at(active).pid, "SIGSTOP");
  try {
    await waitFor(() => answersAll(standbys.map(at)), timeoutMs, "the others answer");
    await new Promise((resolve) => setTimeout(resolve, 2500));
  } finally {
    process.kill(at(active).pid, "SIGCONT");
  }
  let looks = 0;
  await waitFor(async () => {
    const now = await activeNames();
    assert.ok(now.length <= 1, `${now.join(" and ")} are active`);
    assert.notEqual(now[0], active);
    looks += 1;
    const ready = await fetch(`${at(active).http}/readyz`);
    return looks > 20 && /standby of/.test(await ready.text());
  }, timeoutMs);
  await waitFor(() => answersAll(coordinators.values()), timeoutMs, "all answer");
});

test("one that ends in order is followed at once", { skip }, async () => {
  const [active, ...standbys] = await one();
  await at(active).close();
  const beganAtMs = performance.now();
  await waitFor(() => answersAll(standbys.map(at)), timeoutMs, "the others answer");
  // The lease alone would last two seconds.
  assert.ok(performance.now() - beganAtMs < 1500, `took ${performance.now() - beganAtMs} ms`);
  coordinators.delete(active);
  await startCoordinator(active);
  await one();
});

test("while NATS is away generation goes on, and afterwards exactly one is active", { skip }, async () => {
  const [active, standby] = await one();
  const long = completion(at(active).http, "long", { max_tokens: 1000, stream: true });
  await nats.kill();
  const untilMs = performance.now() + 4000;
  while (performance.now() < untilMs) {
    const through = await completion(at(standby).http, "during the outage");
    assert.equal(through.status, 200, through.body);
  }
  assert.deepEqual(await activeNames(), [active]);
  await nats.restart();
  assert.equal((await long).text.length, 1000);
  await waitFor(() => answersAll(coordinators.values()), timeoutMs, "all answer");
  for (let look = 0; look < 100; look += 1) assert.deepEqual(await activeNames(), [active]);
});

test("one whose own line to NATS is cut yields to the one that takes over", { skip }, async () => {
  const line = await openLine(new URL(nats.url).host);
  await startCoordinator("cut off", `nats://${line.address}`);
  for (const name of names) {
    await at(name).close();
    coordinators.delete(name);
  }
  assert.deepEqual(await one(), ["cut off"]);
  await startCoordinator("a");
  await waitFor(() => answersAll(coordinators.values()), timeoutMs, "both answer");
  line.cut();
  await waitFor(async () => (await metric(at("a").http)) === 1, timeoutMs, "the other one takes over");
  await waitFor(async () => (await metric(at("cut off").http)) === 0, timeoutMs, "it stands by");
  await waitFor(() => answersAll([at("a")]), timeoutMs, "the other one answers");
});
