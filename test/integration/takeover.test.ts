// What runs outlives its coordinator: nodes go on, the next coordinator takes it up, and clients come back for the rest.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { ChaosPool } from "../chaos/pool.ts";
import { expectedText, promptOf } from "../chaos/prompts.ts";
import { GrpcGeneration } from "../support/grpc-generation.ts";
import { waitFor } from "../support/wait-for.ts";

const tokens = 120;
const streams = 6;

/** A client that knows what it has got, and comes back for the rest. */
class ReturningClient {
  readonly #body: string;
  readonly #headers: Record<string, string>;
  readonly #pool: ChaosPool;
  readonly expected: string;
  text = "";
  lastId = "";
  finishReasons = 0;
  doneCount = 0;
  refusals = 0;

  constructor(pool: ChaosPool, name: string, headers: Record<string, string> = {}) {
    const prompt = promptOf(name, 0);
    this.#pool = pool;
    this.#headers = headers;
    this.expected = expectedText(pool.engine, prompt, tokens);
    this.#body = JSON.stringify({ model: pool.model, prompt, max_tokens: tokens, temperature: 0, stream: true });
  }

  /** Resolves when the connection has ended, with whether the answer has. */
  async ask(headers: Record<string, string> = {}): Promise<boolean> {
    try {
      const response = await fetch(`${this.#pool.http}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", ...this.#headers, ...headers },
        body: this.#body,
      });
      if (response.status !== 200 || response.body === null) {
        await response.text();
        this.refusals += 1;
        return false;
      }
      let rest = "";
      for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
        const events = (rest + piece).split("\n\n");
        rest = events.pop() ?? "";
        for (const event of events) this.#take(event);
      }
    } catch {
      // The connection broke: what came before it counts.
    }
    return this.doneCount > 0;
  }

  /** As a browser does it. */
  async askForRest(): Promise<void> {
    await waitFor(() => this.ask({ "last-event-id": this.lastId }), 15_000, "the rest of the answer");
  }

  #take(event: string): void {
    const id = /^id: (.*)$/m.exec(event)?.[1];
    const data = /^data: (.*)$/m.exec(event)?.[1];
    if (data === undefined) return;
    if (data === "[DONE]") {
      this.doneCount += 1;
      return;
    }
    const { choices, error } = JSON.parse(data);
    assert.equal(error, undefined);
    this.text += choices[0].text;
    if (choices[0].finish_reason !== null) this.finishReasons += 1;
    if (id !== undefined) this.lastId = id;
  }

  check(): void {
    assert.equal(this.text, this.expected);
    assert.deepEqual([this.finishReasons, this.doneCount], [1, 1]);
  }
}

describe("a coordinator that is killed and started again", () => {
  let pool: ChaosPool;
  before(async () => {
    pool = await ChaosPool.start();
  });
  after(() => pool.close());

  const restart = async (): Promise<void> => {
    await pool.coordinator.kill();
    await pool.restartCoordinator();
    await pool.settled(30_000);
  };

  test("has the rest of every answer for a client that names the last event that it has got", async () => {
    const clients = Array.from({ length: streams }, (_, index) => new ReturningClient(pool, `rest-${index}`));
    const cut = clients.map((client) => client.ask());
    await waitFor(() => clients.every(({ text }) => text.length >= 10), 30_000, "ten tokens of each");
    await restart();
    assert.deepEqual(
      await Promise.all(cut),
      Array.from({ length: streams }, () => false),
    );
    await Promise.all(clients.map((client) => client.askForRest()));
    for (const client of clients) client.check();
    assert.equal(await pool.metric("pomona_resumes_total"), 0, "no node was lost, so nothing moved");
  });

  test("gives an answer once to a client that sends its request again with the same idempotency key", async () => {
    const key = randomUUID();
    const first = new ReturningClient(pool, "keyed", { "idempotency-key": key });
    const cut = first.ask();
    await waitFor(() => first.text.length >= 10, 30_000, "ten tokens");
    await restart();
    assert.equal(await cut, false);
    const second = new ReturningClient(pool, "keyed", { "idempotency-key": key });
    await waitFor(() => second.ask(), 15_000, "the answer");
    second.check();
    assert.equal(second.lastId.split("-")[0], first.lastId.split("-")[0], "it is the same request");
  });

  test("begins what comes twice at the same moment with one key once, and refuses the key for anything else", async () => {
    const key = randomUUID();
    const request = { model: pool.model, prompt: "x".repeat(150) };
    const ask = async (maxTokens: number): Promise<{ readonly status: number; readonly requestId: string }> => {
      const response = await fetch(`${pool.http}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": key },
        body: JSON.stringify({ ...request, max_tokens: maxTokens }),
      });
      await response.text();
      return { status: response.status, requestId: response.headers.get("x-request-id") ?? "" };
    };
    const byGrpc = [new GrpcGeneration(), new GrpcGeneration()];
    const grpcKey = randomUUID();
    const [first, ...others] = await Promise.all([ask(5), ask(5), ask(5)]);
    assert.deepEqual(others, [first, first]);
    assert.equal(first.status, 200);
    assert.equal((await ask(4)).status, 409);
    const { grpc } = pool.coordinator.ready;
    const both = byGrpc.map((each) => each.generate(grpc, { ...request, maxTokens: 5, key: grpcKey }));
    assert.deepEqual(await Promise.all(both), [true, true]);
    const [one, other] = byGrpc.map(({ requestId }) => requestId);
    assert.equal(one, other);
    assert.notEqual(one, first.requestId);
  });

  test("has the rest for a gRPC client, by the request's id and by its own key", async () => {
    const prompt = promptOf("grpc", 0);
    const expected = expectedText(pool.engine, prompt, tokens);
    const request = { model: pool.model, prompt, maxTokens: tokens };
    const [byId, byKey] = [new GrpcGeneration(), new GrpcGeneration()];
    const key = randomUUID();
    const { grpc } = pool.coordinator.ready;
    const cut = [byId.generate(grpc, request), byKey.generate(grpc, { ...request, key })];
    await waitFor(() => [byId, byKey].every(({ lastIndex }) => lastIndex >= 9), 30_000, "ten tokens of each");
    await restart();
    assert.deepEqual(await Promise.all(cut), [false, false]);
    await waitFor(() => byId.attach(grpc), 15_000, "the rest");
    assert.deepEqual([byId.text, byId.endings], [expected, ["FINISH_REASON_LENGTH"]]);
    const again = new GrpcGeneration();
    await waitFor(() => again.generate(grpc, { ...request, key }), 15_000, "the answer");
    assert.deepEqual([again.text, again.requestId], [expected, byKey.requestId]);
    assert.equal(await again.generate(grpc, { ...request, maxTokens: 1, key }), false);
    assert.equal(again.errors.at(-1), "conflict");
  });

  test("leaves no attempt running for which nobody comes back", async () => {
    const client = new ReturningClient(pool, "gone");
    const cut = client.ask();
    await waitFor(() => client.text.length >= 10, 30_000, "ten tokens");
    await restart();
    assert.equal(await cut, false);
    await waitFor(async () => (await pool.runningAttempts()) === 0, 60_000, "no attempts");
  });

  test("refuses an event id that it never gave, and the rest of a request that it does not know", async () => {
    await waitFor(() => statusFor(pool, `${"ab".repeat(16)}-3`).then((status) => status === 404), 20_000, "not found");
    assert.equal(await statusFor(pool, "x-1"), 400);
    assert.equal(await statusFor(pool, `${"ab".repeat(16)}-99999999999`), 400);
  });
});

describe("a coordinator that is stopped", () => {
  let pool: ChaosPool;
  before(async () => {
    pool = await ChaosPool.start();
  });
  after(() => pool.close());

  test("gives ports and state to its successor at once, and ends its answers meanwhile", async () => {
    const client = new ReturningClient(pool, "stopped");
    const asked = client.ask();
    // What is left takes a third of the time that it gets.
    await waitFor(() => client.text.length >= 0.75 * tokens, 30_000, "most of the answer");
    const old = pool.coordinator;
    old.signal("SIGTERM");
    await pool.restartCoordinator();
    await pool.settled(30_000);
    assert.equal(await asked, true);
    client.check();
    const next = new ReturningClient(pool, "successor");
    assert.equal(await next.ask(), true);
    next.check();
    await waitFor(() => old.isGone, 10_000, "the end of the old one");
    await waitFor(async () => (await pool.runningAttempts()) === 0, 10_000, "no attempts");
  });
});

async function statusFor(pool: ChaosPool, lastEventId: string): Promise<number> {
  const response = await fetch(`${pool.http}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "last-event-id": lastEventId },
    body: JSON.stringify({ model: pool.model, prompt: "x", max_tokens: 5, stream: true }),
  });
  await response.text();
  return response.status;
}
