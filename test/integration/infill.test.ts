// The gap between a prompt and a suffix: by every API that knows one, over the real engine, and across the loss of a node.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { predictSimulated, simulatedInfill } from "@pomona/node-agent/engine/simulated/simulated-engine";
import { scriptedModel } from "@pomona/shared/core/gguf/scripted-model";
import { infillPrompt } from "@pomona/shared/core/infill";
import { PomonaClient } from "@pomona/shared/grpc/inference-client";
import { post } from "../support/http-front.ts";
import { TwoNodes } from "../support/two-nodes.ts";

const timeout = 90_000;
const reply = "return the sum of left and right;";
/** The engine does not end at another file by itself: the answer would go on in it. */
const controls = ["<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<file_sep>"];
const models = {
  coder: scriptedModel({ name: "coder", reply, controls, end: "<file_sep>", contextLength: 512 }),
  talker: scriptedModel({ name: "talker", reply: "Nothing that is asked." }),
};
const gap = { prompt: "def add(left, right):", suffix: "; tested" };
/** With the tokens around the gap and that of the beginning. */
const promptTokens = gap.prompt.length + gap.suffix.length + 4;
const asked = { model: "coder", ...gap, max_tokens: 100, temperature: 0 };

type Completion = {
  readonly choices: readonly { readonly text: string; readonly finish_reason: string | null }[];
  readonly usage: {
    readonly prompt_tokens: number;
    readonly prompt_tokens_details: { readonly cached_tokens: number };
  };
};
type Generated = { readonly response: string; readonly done_reason: string; readonly prompt_eval_count: number };
type Shown = { readonly capabilities: readonly string[]; readonly template: string };
type Refused = { readonly error: { readonly code: string; readonly param: string; readonly message: string } };

let pool: TwoNodes;

async function bodyOf<Body>(path: string, body: object, status = 200): Promise<Body> {
  const response = await post(`${pool.http}${path}`, body);
  const text = await response.text();
  assert.equal(response.status, status, text);
  // The shape is what is asserted next.
  return JSON.parse(text) as Body;
}

describe("gaps between two texts, with the real engine", { timeout }, () => {
  before(async () => {
    pool = await TwoNodes.start({ engine: "llama", models });
  });
  after(() => pool?.close());

  test("OpenAI: a suffix is read, counted and held, and the answer ends where the model goes on elsewhere", async () => {
    const { choices, usage } = await bodyOf<Completion>("/v1/completions", asked);
    assert.deepEqual([choices[0]?.text, choices[0]?.finish_reason], [reply, "stop"]);
    assert.equal(usage.prompt_tokens, promptTokens);
    const echoed = await bodyOf<Completion>("/v1/completions", { ...asked, echo: true });
    assert.equal(echoed.choices[0]?.text, gap.prompt + reply);
    const again = await bodyOf<Completion>("/v1/completions", asked);
    // There are two nodes: one of them was asked before.
    const cached = [echoed, again].map((answer) => answer.usage.prompt_tokens_details.cached_tokens);
    assert.ok(cached.includes(promptTokens - 1), cached.join());
  });

  test("OpenAI: the text of a gap is streamed as any other", async () => {
    const response = await post(`${pool.http}/v1/completions`, { ...asked, stream: true });
    const lines = (await response.text()).split("\n").filter((line) => line.startsWith("data: {"));
    const chunks = lines.map((line): Completion => JSON.parse(line.slice("data: ".length)));
    assert.equal(chunks.map(({ choices }) => choices[0]?.text ?? "").join(""), reply);
    assert.equal(chunks.at(-1)?.choices[0]?.finish_reason, "stop");
    assert.ok(chunks.length > 3);
  });

  test("Ollama: models that fill gaps are told by show, and fill them", async () => {
    const { response, done_reason, prompt_eval_count } = await bodyOf<Generated>("/api/generate", {
      model: "coder",
      ...gap,
      stream: false,
      options: { temperature: 0 },
    });
    assert.deepEqual([response, done_reason, prompt_eval_count], [reply, "stop", promptTokens]);
    const [coder, talker] = await Promise.all(
      ["coder", "talker"].map((model) => bodyOf<Shown>("/api/show", { model })),
    );
    assert.deepEqual([coder?.capabilities.includes("insert"), talker?.capabilities.includes("insert")], [true, false]);
    assert.deepEqual([coder?.template.includes(".Suffix"), talker?.template.includes(".Suffix")], [true, false]);
  });

  test("gRPC: a suffix asks for the gap behind the prompt", async () => {
    const client = new PomonaClient([pool.grpc]);
    let text = "";
    for await (const event of client.generate({ model: "coder", ...gap, maxTokens: 100 })) {
      if (event.kind === "text") text += event.text;
      if (event.kind === "ending") assert.equal(event.usage?.promptTokens, promptTokens);
    }
    await client.close();
    assert.equal(text, reply);
  });

  test("a model that was not made to fill gaps is a 400 that names it and the suffix, also where a stream was asked for", async () => {
    for (const stream of [false, true]) {
      const { error } = await bodyOf<Refused>("/v1/completions", { ...asked, model: "talker", stream }, 400);
      assert.equal(error.param, "suffix");
      assert.match(error.message, /suffix.*talker/);
      const refused = await bodyOf<{ error: string }>("/api/generate", { model: "talker", ...gap, stream }, 400);
      assert.match(refused.error, /suffix.*talker/);
    }
  });

  test("what does not fit with its suffix is refused with both numbers", async () => {
    const body = { ...asked, suffix: "b".repeat(600) };
    const { error } = await bodyOf<Refused>("/v1/completions", body, 400);
    assert.equal(error.code, "context_length_exceeded");
    assert.match(error.message, new RegExp(`\\b512\\b.*\\b${gap.prompt.length + 604}\\b`));
  });
});

describe("gaps between two texts, and a node that is lost", { timeout }, () => {
  before(async () => {
    pool = await TwoNodes.start({ engine: "simulated", models: { coder: models.coder } });
  });
  after(() => pool?.close());

  test("the text of a gap goes on elsewhere as it would have been", async () => {
    const bytes = (text: string): number[] => [...Buffer.from(text)];
    const parts = { prefix: gap.prompt, suffix: gap.suffix };
    const tokenIds = infillPrompt(simulatedInfill, parts).flatMap((part) =>
      typeof part === "string" ? bytes(part) : [part],
    );
    const maxTokens = 300;
    const client = new PomonaClient([pool.grpc]);
    const nodes: string[] = [];
    let text = "";
    for await (const event of client.generate({ model: "coder", ...gap, maxTokens })) {
      if (event.kind === "bound") nodes.push(event.nodeId);
      if (event.kind !== "text") continue;
      text += event.text;
      const [first, second] = nodes;
      if (first !== undefined && second === undefined && text.length > 20) await pool.node(first).process.kill();
    }
    await client.close();
    assert.equal(new Set(nodes).size, 2);
    assert.equal(text, predictSimulated(tokenIds, maxTokens));
  });
});
