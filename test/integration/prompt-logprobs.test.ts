// Log-probabilities of prompts over HTTP, from the real engine, against logits that are known exactly.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { branchingLogits, branchingModel } from "@pomona/shared/core/gguf/branching-model";
import { scriptedModel } from "@pomona/shared/core/gguf/scripted-model";
import { characterTokenId, eosTokenId, firstPieceTokenId } from "@pomona/shared/core/gguf/vocabulary";
import type { GgufModel } from "@pomona/shared/core/gguf/writer";
import { type PromptToken, unpackPrompt } from "@pomona/shared/core/prompt-logprobs";
import { PomonaClient } from "@pomona/shared/grpc/inference-client";
import { promptLogprobsFromWire } from "@pomona/shared/grpc/wire-prompt-logprobs";
import { TwoNodes } from "../support/two-nodes.ts";

const timeout = 90_000;
const tolerance = 1e-3;

type Lists = {
  readonly tokens: readonly string[];
  readonly token_logprobs: readonly (number | null)[];
  readonly top_logprobs: readonly (Readonly<Record<string, number>> | null)[];
  readonly text_offset: readonly number[];
};
type Choice = {
  readonly index: number;
  readonly text: string;
  readonly logprobs: Lists | null;
  readonly finish_reason: string | null;
};
type Answer = {
  readonly choices: readonly Choice[];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number };
};

let pool: TwoNodes;

function post(body: object, signal = AbortSignal.timeout(timeout)): Promise<Response> {
  return fetch(`${pool.http}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "branching", temperature: 0, ...body }),
    signal,
  });
}

async function complete(body: object): Promise<Answer> {
  const response = await post(body);
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()) as Answer;
}

type Stream = {
  readonly choices: Choice[];
  /** Of each binding. */
  readonly nodes: string[];
  lists: () => Lists;
};

async function stream(body: object, onChoice: (read: Stream) => void = () => undefined): Promise<Stream> {
  const response = await post({ ...body, stream: true });
  assert.equal(response.status, 200);
  const choices: Choice[] = [];
  const join = <Key extends keyof Lists>(key: Key) => choices.flatMap(({ logprobs }) => [...(logprobs?.[key] ?? [])]);
  const read: Stream = {
    choices,
    nodes: [response.headers.get("x-pomona-node") ?? ""],
    lists: () =>
      ({
        tokens: join("tokens"),
        token_logprobs: join("token_logprobs"),
        top_logprobs: join("top_logprobs"),
        text_offset: join("text_offset"),
      }) as Lists,
  };
  let rest = "";
  for await (const part of response.body ?? []) {
    const lines = (rest + Buffer.from(part).toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [, node] = /^: pomona node=(\w+)/.exec(line) ?? [];
      if (node !== undefined) read.nodes.push(node);
      if (!line.startsWith("data: {")) continue;
      const { choices: came, error } = JSON.parse(line.slice("data: ".length));
      assert.equal(error, undefined, line);
      choices.push(...came);
      onChoice(read);
    }
  }
  return read;
}

/** As the model has them: what follows a token depends on that one alone. */
function expectedAfter(lastTokenId: number, nextTokenId: number): number {
  const logits = branchingLogits(lastTokenId);
  const most = Math.max(...logits);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - most), 0);
  return (logits[nextTokenId] ?? Number.NaN) - most - Math.log(sum);
}

/** The prompt's part of the lists. */
function checkPrompt(lists: Lists, ids: readonly number[]): void {
  assert.deepEqual([lists.token_logprobs[0], lists.top_logprobs[0]], [null, null]);
  for (let index = 1; index < ids.length; index += 1) {
    const told = lists.token_logprobs[index] ?? Number.NaN;
    const expected = expectedAfter(ids[index - 1] ?? 0, ids[index] ?? 0);
    assert.ok(Math.abs(told - expected) < tolerance, `token ${index}: ${told}, not ${expected}`);
    const top = Object.values(lists.top_logprobs[index] ?? {});
    assert.ok(top.includes(told), "the token itself is among the likely ones");
  }
}

const idsOf = (text: string): number[] => [...text].map(characterTokenId);
/** Likely and very unlikely successors. */
const text = "abhiou The 5 boxing wizards jump!".repeat(6);

/** Its tokenizer puts a space before the first word of a text, and behind special tokens. */
function spacingModel(): GgufModel {
  const model = branchingModel();
  const spaces = ["tokenizer.ggml.add_space_prefix", { kind: "bool", value: true }] as const;
  return { ...model, metadata: new Map([...model.metadata, spaces]) };
}

describe("log-probabilities of prompts", () => {
  before(async () => {
    const scripted = scriptedModel({ name: "scripted", reply: "abc" });
    const models = { branching: branchingModel(), spacing: spacingModel(), scripted };
    pool = await TwoNodes.start({ engine: "llama", models });
  });
  after(() => pool?.close());

  test("what an evaluation asks for: token ids, echoed, with one token after them", { timeout }, async () => {
    const ids = idsOf(text);
    const context = 20;
    const asked = { prompt: [ids, ids.slice(0, 30)], max_tokens: 1, logprobs: 1, echo: true, seed: 1234 };
    const { choices, usage } = await complete(asked);
    assert.deepEqual(
      choices.map(({ index, finish_reason }) => [index, finish_reason]),
      [
        [0, "length"],
        [1, "length"],
      ],
    );
    for (const [index, prompt] of [ids, ids.slice(0, 30)].entries()) {
      const { logprobs, text: told = "" } = choices[index] ?? {};
      assert.ok(logprobs != null);
      for (const list of Object.values(logprobs)) assert.equal(list.length, prompt.length + 1);
      checkPrompt(logprobs, prompt);
      assert.equal(told.slice(0, prompt.length), text.slice(0, prompt.length));
      assert.deepEqual(logprobs.tokens.join(""), told);
      assert.deepEqual(
        logprobs.text_offset,
        [...told].map((_, place) => place),
      );
      const isGreedy = logprobs.token_logprobs
        .slice(context, -1)
        .map((own, place) => own === Math.max(...Object.values(logprobs.top_logprobs[context + place] ?? {})));
      const expected = prompt.slice(context).map((id, place) => {
        const logits = branchingLogits(prompt[context + place - 1] ?? 0);
        return logits[id] === Math.max(...logits);
      });
      assert.deepEqual(isGreedy, expected);
      assert.ok(index === 1 || (expected.includes(true) && expected.includes(false)));
    }
    assert.deepEqual([usage.prompt_tokens, usage.completion_tokens], [ids.length + 30, 2]);
  });

  test("special tokens of a prompt are told as it spells them, so that the text has its places", {
    timeout,
  }, async () => {
    const spelt = "ab</s>hi";
    const { choices } = await complete({ prompt: spelt, max_tokens: 0, logprobs: 1, echo: true });
    assert.equal(choices[0]?.text, spelt);
    const { tokens = [], text_offset: offsets } = choices[0]?.logprobs ?? {};
    assert.deepEqual(tokens, ["", "a", "b", "</s>", "h", "i"]);
    assert.deepEqual(offsets, [0, 0, 1, 2, 6, 7]);
  });

  test("tokens have their places in a text that spells its own beginning, and behind spaces that are none of it", {
    timeout,
  }, async () => {
    const placesOf = async (model: string, prompt: string) => {
      const asked = { model, prompt, max_tokens: 0, logprobs: 0, echo: true };
      const { logprobs, text: told } = (await complete(asked)).choices[0] ?? {};
      assert.equal(told, prompt);
      assert.deepEqual((await stream(asked)).lists(), logprobs);
      return logprobs?.tokens.map((token, place) => [token, logprobs.text_offset[place]]);
    };
    assert.deepEqual(await placesOf("branching", "<s>ab"), [
      ["<s>", 0],
      ["a", 3],
      ["b", 4],
    ]);
    assert.deepEqual(await placesOf("spacing", " ab"), [
      ["", 0],
      [" ", 0],
      [" ", 1],
      ["a", 1],
      ["b", 2],
    ]);
    assert.deepEqual(await placesOf("spacing", "<s>a</s>h"), [
      ["<s>", 0],
      [" ", 3],
      ["a", 3],
      ["</s>", 4],
      [" ", 8],
      ["h", 8],
    ]);
  });

  test("a special token has one name, also among the likely ones", { timeout }, async () => {
    const asked = {
      model: "scripted",
      prompt: [firstPieceTokenId, eosTokenId],
      max_tokens: 0,
      logprobs: 1,
      echo: true,
    };
    const { tokens, top_logprobs: top = [] } = (await complete(asked)).choices[0]?.logprobs ?? {};
    assert.deepEqual(tokens, ["abc", "</s>"]);
    assert.deepEqual(Object.keys(top[1] ?? {}), ["</s>"]);
  });

  test("a token that ends the answer at once is told, with no text, so that the lists are as long", {
    timeout,
  }, async () => {
    const ids = idsOf(text);
    const ends = { logit_bias: { [eosTokenId]: 100 } };
    for (const max_tokens of [1, 5]) {
      const asked = { prompt: ids, max_tokens, logprobs: 1, echo: true, ...ends };
      const { choices } = await complete(asked);
      const [{ logprobs, text: told, finish_reason } = { logprobs: null, text: "", finish_reason: "" }] = choices;
      assert.deepEqual([told, finish_reason], [text, "stop"]);
      assert.equal(logprobs?.token_logprobs.length, ids.length + 1);
      const expected = expectedAfter(ids.at(-1) ?? 0, eosTokenId);
      assert.ok(Math.abs((logprobs?.token_logprobs.at(-1) ?? 0) - expected) < tolerance);
      const streamed = await stream(asked);
      assert.deepEqual(streamed.lists(), logprobs);
      assert.equal(streamed.choices.map((choice) => choice.text).join(""), text);
    }
  });

  test("texts are echoed as they were sent, streamed too, and for no tokens nothing else is told", {
    timeout,
  }, async () => {
    for (const max_tokens of [0, 3]) {
      const asked = { prompt: text, max_tokens, logprobs: 2, echo: true };
      const { choices, usage } = await complete(asked);
      const [{ logprobs, text: told, finish_reason } = { logprobs: null, text: "", finish_reason: "" }] = choices;
      assert.ok(logprobs !== null);
      assert.equal(told.slice(0, text.length), text);
      assert.deepEqual(
        [told.length, finish_reason, usage.completion_tokens],
        [text.length + max_tokens, "length", max_tokens],
      );
      const ids = [...logprobs.tokens].slice(0, usage.prompt_tokens);
      assert.equal(ids.join("").trimStart(), text);
      assert.equal(logprobs.tokens.length, usage.prompt_tokens + max_tokens);
      const streamed = await stream(asked);
      assert.deepEqual(streamed.lists(), logprobs);
      assert.equal(streamed.choices.map((choice) => choice.text).join(""), told);
      assert.equal(streamed.choices.at(-1)?.finish_reason, "length");
    }
    const nothing = await complete({ prompt: text, max_tokens: 0 });
    assert.deepEqual(nothing.choices, [{ index: 0, text: "", logprobs: null, finish_reason: "length" }]);
    const ids = await complete({ prompt: idsOf("abc"), max_tokens: 2, echo: true });
    assert.match(ids.choices[0]?.text ?? "", /^abc..$/);
    assert.equal(ids.choices[0]?.logprobs, null);
  });

  test("figures of tokens that were generated are the same when they are a prompt", { timeout }, async () => {
    const generated = await complete({ prompt: idsOf(text), max_tokens: 60, logprobs: 3 });
    const then = generated.choices[0]?.logprobs;
    const ids = [...idsOf(text), ...idsOf(generated.choices[0]?.text ?? "")];
    const again = await complete({ prompt: ids, max_tokens: 0, logprobs: 3, echo: true });
    const now = again.choices[0]?.logprobs;
    assert.equal(then?.tokens.length, 60);
    assert.deepEqual(now?.tokens.slice(-60), then?.tokens);
    for (const [place, logprob] of (now?.token_logprobs.slice(-60) ?? []).entries())
      assert.ok(Math.abs((logprob ?? Number.NaN) - (then?.token_logprobs[place] ?? Number.NaN)) < tolerance);
  });

  test("a node that dies while it reads the prompt costs no token of it, and repeats none", { timeout }, async () => {
    const ids = idsOf(text.repeat(40)).slice(0, 7000);
    let killed: Promise<void> | null = null;
    const read = await stream({ prompt: ids, max_tokens: 2, logprobs: 1, echo: true }, ({ nodes, choices }) => {
      if (choices.length === 3) killed ??= pool.node(nodes[0] ?? "").process.kill();
    });
    await killed;
    assert.equal(new Set(read.nodes).size, 2, "it went on elsewhere");
    const lists = read.lists();
    assert.equal(lists.tokens.length, ids.length + 2);
    checkPrompt(lists, ids);
    assert.equal(lists.tokens.join(""), read.choices.map((choice) => choice.text).join(""));
    await pool.restore();
  });

  test("a client that comes back in the middle of its prompt gets the rest of it", { timeout }, async () => {
    const ids = idsOf(text.repeat(40)).slice(0, 6000);
    const body = { prompt: ids, max_tokens: 2, logprobs: 0, echo: true, stream: true };
    const headers = { "content-type": "application/json", "idempotency-key": "comes-back" };
    const ask = (more: object, signal: AbortSignal) =>
      fetch(`${pool.http}/v1/completions`, {
        method: "POST",
        headers: { ...headers, ...more },
        body: JSON.stringify({ model: "branching", temperature: 0, ...body }),
        signal,
      });
    const left = new AbortController();
    const first = await ask({}, AbortSignal.any([left.signal, AbortSignal.timeout(timeout)]));
    let came = "";
    for await (const part of first.body ?? []) {
      came += Buffer.from(part).toString();
      if ((came.match(/^id: \w+-prompt/gm) ?? []).length >= 3) break;
    }
    left.abort();
    const seen = came.slice(0, came.lastIndexOf("\n\n"));
    const lastId = [...seen.matchAll(/^id: (\S+)$/gm)].at(-1)?.[1] ?? "";
    assert.match(lastId, /-prompt\.\d+$/);
    const rest = await (await ask({ "last-event-id": lastId }, AbortSignal.timeout(timeout))).text();
    const tokens = [...`${seen}\n\n${rest}`.matchAll(/^data: (\{.*)$/gm)].flatMap(([, data = "{}"]) => {
      const { choices } = JSON.parse(data) as { choices: readonly Choice[] };
      return choices.flatMap(({ logprobs }) => logprobs?.tokens ?? []);
    });
    assert.equal(tokens.length, ids.length + 2);
    assert.equal(tokens.slice(0, ids.length).join(""), text.repeat(40).slice(0, 6000));
  });

  test("by gRPC they come in frames of their own, and only with those of the answer", { timeout }, async () => {
    const client = new PomonaClient([pool.grpc]);
    const ids = idsOf(text);
    const asked = { model: "branching", promptTokenIds: { ids }, maxTokens: 1 };
    const rows: PromptToken[] = [];
    for await (const event of client.generate({ ...asked, output: { topLogprobs: 1, promptLogprobs: true } }))
      if (event.kind === "promptLogprobs") rows.push(...unpackPrompt(promptLogprobsFromWire(event)));
    assert.deepEqual(
      rows.map(({ id }) => id),
      ids,
    );
    const [first, ...others] = rows.map(({ logprobs }) => logprobs?.logprob ?? null);
    assert.equal(first, null);
    for (const [place, logprob] of others.entries())
      assert.ok(Math.abs((logprob ?? Number.NaN) - expectedAfter(ids[place] ?? 0, ids[place + 1] ?? 0)) < tolerance);
    const wrong = client.generate({ ...asked, output: { promptLogprobs: true } });
    await assert.rejects(wrong.next(), { code: "invalid_request", message: /prompt_logprobs/ });
    await client.close();
  });

  test("token ids that the model does not have are refused before a stream begins", { timeout }, async () => {
    for (const prompt of [
      [1, 100_000],
      [[5], [100_000]],
    ]) {
      const response = await post({ prompt, stream: true });
      assert.equal(response.status, 400);
      const { error } = (await response.json()) as { error: { message: string; param: string } };
      assert.equal(error.param, "prompt");
      assert.match(error.message, /100000 is not in the vocabulary/);
    }
  });
});
