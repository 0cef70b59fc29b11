// Three coordinators of one pool, as real processes with a real NATS: one is active, and the others are as good to call.
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import { pomona } from "@pomona/proto/load";
import { toPomonaError } from "@pomona/shared/core/errors";
import { callUnary, createClusterClient, createInferenceClient, readStream } from "@pomona/shared/grpc/client";
import { CoordinatorTeam, completion, metric, runningRequests, textOf } from "../support/coordinator-team.ts";
import { openLine } from "../support/cuttable-line.ts";
import { natsSkipReason } from "../support/nats-server.ts";
import { waitFor } from "../support/wait-for.ts";

const skip = natsSkipReason;
const timeoutMs = 15_000;
const names = ["a", "b", "c"] as const;
let team: CoordinatorTeam;

before(async () => {
  if (skip === false) team = await CoordinatorTeam.start(names);
});

after(() => team?.close());

test("every port answers the same", { skip }, async () => {
  await team.one();
  const answers = await Promise.all(
    [...team.coordinators.values()].map(async ({ http }) => (await fetch(`${http}/v1/models`)).json()),
  );
  assert.equal((answers[0] as { data: unknown[] }).data.length, 1);
  assert.deepEqual(answers[1], answers[0]);
  assert.deepEqual(answers[2], answers[0]);
});

test("a standby says of itself whose standby it is, and everyone knows all three", { skip }, async () => {
  const [active, ...standbys] = await team.one();
  const { host } = new URL(team.at(active).http);
  for (const name of standbys) {
    const answer = await fetch(`${team.at(name).http}/readyz`);
    assert.deepEqual(await answer.json(), { ready: true, reasons: [`standby of ${host}`] });
    const client = createClusterClient(team.at(name).grpc);
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
  const [active, standby] = await team.one();
  for (const more of [{ max_tokens: 200 }, { max_tokens: 200, stream: true }]) {
    const direct = await completion(team.at(active).http, "once upon", more);
    const through = await completion(team.at(standby).http, "once upon", more);
    assert.equal(direct.text.length, 200);
    assert.equal(through.text, direct.text);
    assert.deepEqual([direct.status, through.status], [200, 200]);
  }
});

test("a stream through a standby comes as it is generated, and ends on the node when its client leaves", {
  skip,
}, async () => {
  const [active, standby] = await team.one();
  const { hostname, port } = new URL(team.at(standby).http);
  const running = (): Promise<number> => runningRequests(team.at(active).http);
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
  const [active, standby] = await team.one();
  const [direct, through] = await Promise.all(
    [active, standby].map((name) => completion(team.at(name).http, "x", { model: "none" })),
  );
  assert.deepEqual([through?.status, through?.body], [404, direct?.body]);
  const client = createInferenceClient(team.at(standby).grpc);
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
  const [active, standby] = await team.one();
  const generated = async (name: string | undefined, maxTokens: number, deadlineMs: number): Promise<string> => {
    const client = createInferenceClient(team.at(name).grpc);
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
  const [, standby] = await team.one();
  const answer = await fetch(`${team.at(standby).http}/v1/models`, { headers: { "x-pomona-forwarded": "10.0.0.9" } });
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get("retry-after"), "1");
  const { error } = (await answer.json()) as { error: { code: string } };
  assert.equal(error.code, "no_active_coordinator");
});

test("after the active one was killed another one serves", { skip }, async () => {
  const [active, ...standbys] = await team.one();
  const term = await metric(team.at(active).http, "term");
  await team.at(active).kill();
  const others = standbys.map((name) => team.at(name));
  await waitFor(() => team.answersAll(others), timeoutMs, "the others answer");
  const terms = await Promise.all(others.map(({ http }) => metric(http, "term")));
  assert.deepEqual(terms, [(term ?? 0) + 1, (term ?? 0) + 1]);
  team.coordinators.delete(active);
  await team.startCoordinator(active);
  assert.equal((await team.one())[0] === active, false);
  await waitFor(() => team.answersAll(), timeoutMs, "all answer");
});

test("a stream through a standby goes on to its end when the active one is killed, letter by letter", {
  skip,
}, async () => {
  const [active, ...standbys] = await team.one();
  const long = { max_tokens: 1200, temperature: 0 };
  const whole = await completion(team.at(active).http, "tell me more", long);
  assert.equal(whole.status, 200);
  const streams = standbys.map((name) => completion(team.at(name).http, "tell me more", { ...long, stream: true }));
  await waitFor(
    async () => (await runningRequests(team.at(active).http)) === streams.length,
    timeoutMs,
    "both streams run",
  );
  await team.at(active).kill();
  for (const { text, body } of await Promise.all(streams)) {
    assert.equal(text, whole.text);
    assert.equal(body.match(/\[DONE\]/g)?.length, 1);
    assert.equal(new Set([...body.matchAll(/"id":"([^"]+)"/g)].map(([, id]) => id)).size, 1);
  }
  team.coordinators.delete(active);
  await team.startCoordinator(active);
  await waitFor(() => team.answersAll(), timeoutMs, "all answer");
});

test("streams that still wait for a slot when the active one is killed are answered all the same", {
  skip,
}, async () => {
  const [active, standby] = await team.one();
  const asked = { model: "tiny", prompt: "tell me more", max_tokens: 1200, temperature: 0 };
  const { text: expected } = await completion(team.at(active).http, asked.prompt, asked);
  const stream = () =>
    fetch(`${team.at(standby).http}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...asked, stream: true }),
      signal: AbortSignal.timeout(4 * timeoutMs),
    });
  // Their headers come after five seconds at the latest, whether they wait or not.
  const streams = await Promise.all(Array.from({ length: 20 }, stream));
  const { body } = await fetch(`${team.at(active).http}/metrics`).then(async (answer) => ({
    body: await answer.text(),
  }));
  const waiting = Number(/^pomona_queue_depth\S* (\d+)$/m.exec(body)?.[1]);
  assert.ok(waiting > 0, `${waiting} wait`);
  await team.at(active).kill();
  for (const text of await Promise.all(streams.map((answer) => answer.text()))) {
    assert.equal(textOf(text), expected);
    assert.equal(text.match(/\[DONE\]/g)?.length, 1);
  }
  team.coordinators.delete(active);
  await team.startCoordinator(active);
  await waitFor(() => team.answersAll(), timeoutMs, "all answer");
});

/** The events of a message, without comments. */
async function messageOf(http: string, more: object = {}): Promise<string> {
  const body = {
    model: "tiny",
    max_tokens: 1200,
    temperature: 0,
    messages: [{ role: "user", content: "tell" }],
    ...more,
  };
  const headers = { "content-type": "application/json" };
  const signal = AbortSignal.timeout(2 * timeoutMs);
  const answer = await fetch(`${http}/v1/messages`, { method: "POST", headers, body: JSON.stringify(body), signal });
  assert.equal(answer.status, 200);
  return await answer.text();
}

for (const ending of ["kill", "close"] as const)
  test(`a message of Anthropic's API goes on when the active coordinator ends by ${ending}, event by event`, {
    skip,
  }, async () => {
    const [active, ...standbys] = await team.one();
    const { content }: { content: { text: string }[] } = JSON.parse(await messageOf(team.at(active).http));
    const streams = standbys.map((name) => messageOf(team.at(name).http, { stream: true }));
    const areRunning = async () => (await runningRequests(team.at(active).http)) === streams.length;
    await waitFor(areRunning, timeoutMs, "both streams run");
    await team.at(active)[ending]();
    for (const events of await Promise.all(streams)) {
      const texts = [...events.matchAll(/^data: (.*"text_delta".*)$/gm)].map(([, data = ""]) => JSON.parse(data));
      assert.equal(texts.map(({ delta }) => delta.text).join(""), content[0]?.text);
      const types = [...events.matchAll(/^event: (.*)$/gm)].map(([, type]) => type);
      assert.deepEqual(types.slice(0, 3), ["message_start", "ping", "content_block_start"]);
      assert.deepEqual(types.slice(-3), ["content_block_stop", "message_delta", "message_stop"]);
      assert.equal(types.length, texts.length + 6, "nothing comes twice");
    }
    team.coordinators.delete(active);
    await team.startCoordinator(active);
    await waitFor(() => team.answersAll(), timeoutMs, "all answer");
  });

/** The answer to a prompt by Ollama's API. */
async function ollamaAnswer(http: string, stream: boolean): Promise<string> {
  const options = { temperature: 0, num_predict: 1200 };
  const body = JSON.stringify({ model: "tiny", prompt: "tell me", raw: true, stream, options });
  const headers = { "content-type": "application/json" };
  const signal = AbortSignal.timeout(2 * timeoutMs);
  const answer = await fetch(`${http}/api/generate`, { method: "POST", headers, body, signal });
  assert.equal(answer.status, 200);
  const type = stream ? "application/x-ndjson" : "application/json; charset=utf-8";
  assert.equal(answer.headers.get("content-type"), type);
  return await answer.text();
}

for (const ending of ["kill", "close"] as const)
  test(`lines of Ollama's API go on when the active coordinator ends by ${ending}, and each comes once`, {
    skip,
  }, async () => {
    const [active, ...standbys] = await team.one();
    const whole: { response: string; done_reason: string } = JSON.parse(
      await ollamaAnswer(team.at(active).http, false),
    );
    const streams = standbys.map((name) => ollamaAnswer(team.at(name).http, true));
    const areRunning = async () => (await runningRequests(team.at(active).http)) === streams.length;
    await waitFor(areRunning, timeoutMs, "both streams run");
    await team.at(active)[ending]();
    for (const text of await Promise.all(streams)) {
      assert.ok(text.endsWith("\n"));
      const lines = text.slice(0, -1).split("\n");
      const parts: { response: string; done: boolean }[] = lines.map((line) => JSON.parse(line));
      assert.equal(parts.map(({ response }) => response).join(""), whole.response);
      assert.equal(parts.filter(({ done }) => done).length, 1);
      assert.match(lines.at(-1) ?? "", new RegExp(`"done":true,"done_reason":"${whole.done_reason}"`));
    }
    team.coordinators.delete(active);
    await team.startCoordinator(active);
    await waitFor(() => team.answersAll(), timeoutMs, "all answer");
  });

test("one that was stopped for 5 s is a standby when it goes on: never are two active", { skip }, async () => {
  const [active, ...standbys] = await team.one();
  process.kill(team.at(active).pid, "SIGSTOP");
  try {
    await waitFor(() => team.answersAll(standbys.map((name) => team.at(name))), timeoutMs, "the others answer");
    await new Promise((resolve) => setTimeout(resolve, 2500));
  } finally {
    process.kill(team.at(active).pid, "SIGCONT");
  }
  let looks = 0;
  await waitFor(async () => {
    const now = await team.activeNames();
    assert.ok(now.length <= 1, `${now.join(" and ")} are active`);
    assert.notEqual(now[0], active);
    looks += 1;
    const ready = await fetch(`${team.at(active).http}/readyz`);
    return looks > 20 && /standby of/.test(await ready.text());
  }, timeoutMs);
  await waitFor(() => team.answersAll(), timeoutMs, "all answer");
});

test("one that ends in order is followed at once", { skip }, async () => {
  const [active, ...standbys] = await team.one();
  const lease = await team.watchLease();
  await team.at(active).close();
  await waitFor(() => team.answersAll(standbys.map((name) => team.at(name))), timeoutMs, "the others answer");
  assert.ok(lease.wasGivenBack(), "nobody had to wait until it ran out");
  await lease.close();
  team.coordinators.delete(active);
  await team.startCoordinator(active);
  await team.one();
});

test("while NATS is away generation goes on, and afterwards exactly one is active", { skip }, async () => {
  const [active, standby] = await team.one();
  const long = completion(team.at(active).http, "long", { max_tokens: 1000, stream: true });
  await team.nats.kill();
  const untilMs = performance.now() + 4000;
  while (performance.now() < untilMs) {
    const through = await completion(team.at(standby).http, "during the outage");
    assert.equal(through.status, 200, through.body);
  }
  assert.deepEqual(await team.activeNames(), [active]);
  await team.nats.restart();
  assert.equal((await long).text.length, 1000);
  await waitFor(() => team.answersAll(), timeoutMs, "all answer");
  for (let look = 0; look < 100; look += 1) assert.deepEqual(await team.activeNames(), [active]);
});

test("one whose own line to NATS is cut yields to the one that takes over", { skip }, async () => {
  const line = await openLine(new URL(team.nats.url).host);
  await team.startCoordinator("cut off", `nats://${line.address}`);
  for (const name of names) {
    await team.at(name).close();
    team.coordinators.delete(name);
  }
  assert.deepEqual(await team.one(), ["cut off"]);
  await team.startCoordinator("a");
  await waitFor(() => team.answersAll(), timeoutMs, "both answer");
  line.cut();
  await waitFor(async () => (await metric(team.at("a").http)) === 1, timeoutMs, "the other one takes over");
  await waitFor(async () => (await metric(team.at("cut off").http)) === 0, timeoutMs, "it stands by");
  await waitFor(() => team.answersAll([team.at("a")]), timeoutMs, "the other one answers");
});
