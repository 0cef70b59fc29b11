// How tokens are chosen, on the real engine: against references from exactly known logits, and going on after any cut.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { drawToken } from "@pomona/node-agent/core/draw";
import type { EngineReplica } from "@pomona/node-agent/engine/engine";
import { type Decoding, defaultSampling, ownScope, type Sampling } from "@pomona/shared/core/generation";
import { branchingLogits, branchingModel } from "@pomona/shared/core/gguf/branching-model";
import { countingModel } from "@pomona/shared/core/gguf/counting-model";
import { keyedModel, predictKeyedIds } from "@pomona/shared/core/gguf/keyed-model";
import { randomModel } from "@pomona/shared/core/gguf/random-model";
import { characterTokenId } from "@pomona/shared/core/gguf/vocabulary";
import { compileJsonSchema } from "@pomona/shared/core/grammar/compile-json-schema";
import { compileToolChoice } from "@pomona/shared/core/grammar/compile-tool-choice";
import { OutputParser } from "@pomona/shared/core/output/output-parser";
import { z } from "zod";
import { attemptOf, ids, start } from "../support/attempts.ts";
import { EngineModels } from "../support/engine-models.ts";
import { waitFor } from "../support/wait-for.ts";

const engineModels = new EngineModels();
after(() => engineModels.remove());
const models = {
  counting: () => countingModel({ variant: "cycle" }),
  keyed: keyedModel,
  branching: branchingModel,
} as const;

const seeded: Sampling = { ...defaultSampling, temperature: 0.9, seed: 2 ** 40 + 7 };
const dry = { multiplier: 2, base: 1.75, allowedLength: 2, lastTokens: 256 } as const;
/** A JSON array of small objects, which no model says by itself. */
const grammar = `root ::= "[" object ("," object){2,5} "]"
object ::= "{\\"" [a-z]{3,9} "\\":" [0-9]+ "}"`;

const modes: Readonly<Record<string, Partial<Decoding>>> = {
  greedy: {},
  seeded: { sampling: seeded },
  "seeded and filtered": { sampling: { ...seeded, topK: 3, topP: 0.9, minP: 0.05 } },
  "repeat penalty": { sampling: { ...seeded, repeatPenalty: 1.3 } },
  "repeat penalty over few tokens": { sampling: { ...seeded, repeatPenalty: 1.3, penaltyLastTokens: 3 } },
  typical: { sampling: { ...seeded, typicalP: 0.6, topP: 0.9, minP: 0.05 } },
  "presence and frequency penalties": { sampling: { ...defaultSampling, presencePenalty: 0.7, frequencyPenalty: 0.4 } },
  dry: { sampling: { ...defaultSampling, dry } },
  "logit bias": { sampling: { ...seeded, logitBias: [{ tokenId: characterTokenId("q"), bias: -100 }] } },
  grammar: { grammar },
  "seeded with grammar and penalties": { grammar, sampling: { ...seeded, presencePenalty: 0.5 } },
  "log-probabilities": { topLogprobs: 2, sampling: seeded },
};

/** A repeatable sequence of integers below `limit`: the seed is in the test's name where it matters. */
function* integers(seed: number, limit: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield Math.floor((state / 2 ** 32) * limit);
  }
}

for (const name of ["counting", "keyed", "branching"] as const) {
  describe(`${name}: a generation goes on after any of 20 cuts`, () => {
    let replica: EngineReplica;
    before(async () => {
      replica = await engineModels.load(name, models[name]);
    });
    after(() => replica.close());
    for (const [mode, decoding] of Object.entries(modes)) {
      test(mode, async () => {
        const prompt = await ids(replica, `4 ${"some words of a prompt ".repeat(5)}a`);
        const rules = { maxTokens: 100, ...decoding };
        const whole = await start(replica, attemptOf(prompt, rules)).done;
        assert.equal(whole.ending.failure, null);
        assert.ok(whole.ids.length > 20);
        const cuts = integers(7, whole.ids.length - 1);
        for (let i = 0; i < 20; i += 1) {
          const cut = cuts.next().value + 1;
          // Another slot works beside it on something else, and the slot of the whole run is taken in turn.
          const other = start(replica, attemptOf(await ids(replica, `9 other ${i}`), { maxTokens: 10 + i }));
          const past = { epoch: 2, emittedTokenIds: whole.ids.slice(0, cut), promptChunkLengths: whole.chunkLengths };
          const rest = await start(replica, attemptOf(prompt, { ...rules, ...past })).done;
          assert.deepEqual(rest.ids, whole.ids.slice(cut), `cut at ${cut}`);
          assert.deepEqual(rest.ending.usage.generatedTokens, whole.ending.usage.generatedTokens);
          await other.done;
        }
      });
    }
  });
}

/** The decoding of the branching model by its known logits. */
function reference(prompt: readonly number[], decoding: Decoding): number[] {
  const { sampling, maxTokens } = decoding;
  const emitted: number[] = [];
  while (emitted.length < maxTokens) {
    const logits = penalized(branchingLogits(emitted.at(-1) ?? prompt.at(-1) ?? 0), emitted, sampling);
    const id = sampling.temperature === 0 ? argmax(logits) : draw(logits, sampling, emitted.length);
    if (id === 2) break;
    emitted.push(id);
  }
  return emitted;
}

function penalized(logits: readonly number[], emitted: readonly number[], sampling: Sampling): number[] {
  const window = emitted.slice(-sampling.penaltyLastTokens);
  return logits.map((logit, id) => {
    const bias = sampling.logitBias.find(({ tokenId }) => tokenId === id)?.bias ?? 0;
    let value = logit + (bias <= -100 ? Number.NEGATIVE_INFINITY : bias);
    const count = window.filter((other) => other === id).length;
    if (count === 0) return value;
    value = value > 0 ? value / sampling.repeatPenalty : value * sampling.repeatPenalty;
    return value - count * sampling.frequencyPenalty - sampling.presencePenalty;
  });
}

function argmax(logits: readonly number[]): number {
  return logits.reduce((best, logit, id) => (logit > (logits[best] ?? 0) ? id : best), 0);
}

type Candidate = { readonly id: number; readonly logit: number };

/** In the order of their logits, those whose surprise is next to the expected one. */
function typical(candidates: readonly Candidate[], typicalP: number): Candidate[] {
  const total = candidates.reduce((sum, { logit }) => sum + Math.exp(logit), 0);
  const chances = candidates.map((candidate) => ({ candidate, chance: Math.exp(candidate.logit) / total }));
  const expected = chances.reduce((sum, { chance }) => sum - chance * Math.log(chance), 0);
  const gap = (chance: number): number => Math.abs(Math.log(chance) + expected);
  let seen = 0;
  const kept = chances
    .sort((a, b) => gap(a.chance) - gap(b.chance))
    .filter(({ chance }) => {
      const isWanted = seen < typicalP;
      seen += chance;
      return isWanted;
    });
  return kept.map(({ candidate }) => candidate).sort((a, b) => b.logit - a.logit);
}

function draw(logits: readonly number[], sampling: Sampling, position: number): number {
  const { temperature, topK, topP, minP, typicalP, seed } = sampling;
  const sorted = logits.map((logit, id) => ({ id, logit })).sort((a, b) => b.logit - a.logit);
  const first = topK === 0 ? sorted : sorted.slice(0, topK);
  let kept = typicalP === 1 ? first : typical(first, typicalP);
  const best = kept[0]?.logit ?? 0;
  const total = kept.reduce((sum, { logit }) => sum + Math.exp(logit - best), 0);
  let seen = 0;
  kept = kept.filter(({ logit }, rank) => {
    const isWanted = rank === 0 || seen < topP;
    seen += Math.exp(logit - best) / total;
    return isWanted && Math.exp(logit - best) >= minP;
  });
  const weighted = kept.flatMap(({ id, logit }) => [id, Math.exp((logit - best) / temperature)]);
  return drawToken(weighted, seed, position) ?? -1;
}

describe("the branching model against its known logits", () => {
  let replica: EngineReplica;
  before(async () => {
    replica = await engineModels.load("branching", branchingModel);
  });
  after(() => replica.close());

  for (const mode of [
    "greedy",
    "seeded",
    "seeded and filtered",
    "repeat penalty",
    "repeat penalty over few tokens",
    "typical",
    "presence and frequency penalties",
    "logit bias",
  ]) {
    test(mode, async () => {
      const prompt = await ids(replica, "The quick brown fox");
      const attempt = attemptOf(prompt, { maxTokens: 120, ...modes[mode] });
      const { ids: generated } = await start(replica, attempt).done;
      assert.deepEqual(generated, reference(prompt, attempt.decoding));
      assert.ok(generated.length >= 20);
    });
  }

  test("every seed draws its own answer, and the same seed the same one", async () => {
    const prompt = await ids(replica, "A seed:");
    const texts = new Set<string>();
    for (const seed of [0, 1, 2, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1]) {
      const run = () => start(replica, attemptOf(prompt, { sampling: { ...seeded, seed } })).done;
      const [first, second] = [await run(), await run()];
      assert.equal(first.text, second.text);
      texts.add(first.text);
    }
    assert.equal(texts.size, 6);
  });

  test("dry keeps the answer from going in circles", async () => {
    const prompt = await ids(replica, "abcabcabcabcab");
    const bias = ["a", "b", "c"].map((character) => ({ tokenId: characterTokenId(character), bias: 40 }));
    const loop = { ...defaultSampling, logitBias: bias };
    const free = await start(replica, attemptOf(prompt, { sampling: loop, maxTokens: 30 })).done;
    const kept = await start(
      replica,
      attemptOf(prompt, { sampling: { ...loop, dry: { ...dry, multiplier: 30 } }, maxTokens: 30 }),
    ).done;
    const longestRun = (text: string): number =>
      Math.max(
        ...[1, 2, 3].map((period) => {
          let run = 0;
          let longest = 0;
          for (let i = period; i < text.length; i += 1) {
            run = text[i] === text[i - period] ? run + 1 : 0;
            longest = Math.max(longest, run);
          }
          return longest;
        }),
      );
    assert.ok(longestRun(free.text) > 10, free.text);
    assert.ok(longestRun(kept.text) < 6, kept.text);
  });

  test("log-probabilities are those of the model, whatever was done to the logits", async () => {
    const prompt = await ids(replica, "log");
    const sampling = { ...seeded, temperature: 1.7, presencePenalty: 1, topK: 2 };
    const { frames } = await start(replica, attemptOf(prompt, { sampling, topLogprobs: 3, maxTokens: 12 })).done;
    let last = prompt.at(-1) ?? 0;
    for (const frame of frames) {
      if (frame.kind !== "tokens") continue;
      const logits = branchingLogits(last);
      const logTotal = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
      const [id] = frame.ids;
      const [told] = frame.logprobs ?? [];
      assert.ok(id !== undefined && told !== undefined);
      assert.ok(Math.abs(told.logprob - ((logits[id] ?? 0) - logTotal)) < 1e-3);
      const best = logits.map((logit, other) => ({ other, logit })).sort((a, b) => b.logit - a.logit);
      assert.deepEqual(
        told.top.map((entry) => entry.id),
        best.slice(0, 3).map(({ other }) => other),
      );
      for (const entry of told.top) assert.ok(Math.abs(entry.logprob - ((logits[entry.id] ?? 0) - logTotal)) < 1e-3);
      last = id;
    }
  });

  test("what a grammar forces is what it says, to the end", async () => {
    const prompt = await ids(replica, "Answer in JSON:");
    const { text, ending } = await start(
      replica,
      attemptOf(prompt, { grammar: 'root ::= "{\\"ok\\": " ("true" | "false") "}"' }),
    ).done;
    assert.match(text, /^\{"ok": (true|false)\}$/);
    assert.equal(ending.reason, "stop");
  });

  test("an answer by a JSON schema is valid JSON of that schema, also with a temperature and after a cut", async () => {
    const schema = {
      type: "object",
      properties: {
        name: { type: "string", maxLength: 8 },
        tags: { type: "array", items: { enum: ["red", "green"] }, minItems: 1, maxItems: 3 },
        count: { type: "integer", minimum: 3, maximum: 12 },
      },
      required: ["name", "tags", "count"],
      additionalProperties: false,
    };
    const answerSchema = z.strictObject({
      name: z.string().max(8),
      tags: z
        .array(z.enum(["red", "green"]))
        .min(1)
        .max(3),
      count: z.number().int().min(3).max(12),
    });
    const rules = { grammar: compileJsonSchema(schema), maxTokens: 300 };
    const prompt = await ids(replica, "In JSON, please:");
    for (const seed of [1, 2, 3]) {
      const decoding = { ...rules, sampling: { ...seeded, seed } };
      const whole = await start(replica, attemptOf(prompt, decoding)).done;
      assert.equal(whole.ending.reason, "stop", whole.text);
      answerSchema.parse(JSON.parse(whole.text));
      const emittedTokenIds = whole.ids.slice(0, Math.floor(whole.ids.length / 2));
      const rest = await start(replica, attemptOf(prompt, { ...decoding, epoch: 2, emittedTokenIds })).done;
      assert.deepEqual([...emittedTokenIds, ...rest.ids], whole.ids);
    }
  });

  test("a schema holds also where its grammar is longer than what a user may send", async () => {
    const names = Array.from({ length: 600 }, (_, index) => `p${index}`);
    const valuesOf = (name: string): object => ({ enum: ["yes", "no", `neither of the two, as far as ${name} tells`] });
    const properties = Object.fromEntries(names.map((name) => [name, valuesOf(name)]));
    const grammar = compileJsonSchema({ type: "object", properties, required: names, additionalProperties: false });
    assert.ok(grammar.length > 64 * 1024);
    const prompt = await ids(replica, "In JSON, please:");
    const { text } = await start(replica, attemptOf(prompt, { grammar, maxTokens: 60 })).done;
    assert.match(text, /^\{"p0": ?"(yes|no|neither of the two, as far as p0 tells)", ?"p1": ?"/);
  });

  test("a tool that has to be called is called, and read back as a call", async () => {
    const tools = [
      {
        name: "time",
        parameters: { type: "object", properties: { zone: { enum: ["UTC", "CET"] } }, required: ["zone"] },
      },
      { name: "add", parameters: { type: "object", properties: { a: { type: "integer", minimum: 0, maximum: 99 } } } },
    ];
    const prompt = await ids(replica, "What time is it?");
    for (const style of ["hermes", "llama3", "mistral", "json"] as const) {
      const grammar = compileToolChoice(tools, { name: "time" }, style);
      const { text } = await start(replica, attemptOf(prompt, { grammar, maxTokens: 200 })).done;
      const format = { calls: style, thoughts: "none" } as const;
      const parser = new OutputParser({ format, startsInReasoning: false, toolNames: ["time", "add"] });
      const [begin, json, end] = [...parser.push(text), ...parser.finish()];
      assert.deepEqual(begin, { kind: "toolCallBegin", index: 0, name: "time" }, text);
      assert.match(json?.kind === "toolCallArguments" ? json.text : "", /^\{"zone": ?"(UTC|CET)"\}$/);
      assert.deepEqual(end, { kind: "toolCallEnd", index: 0, isComplete: true });
    }
  });

  test("a grammar that would end the engine's process is refused before it gets there", async () => {
    const prompt = await ids(replica, "x");
    for (const hostile of [
      `root ::= ${"(".repeat(20_000)}`,
      'root ::= "a"{1,100000}',
      "root ::= root",
      "a".repeat(70_000),
    ]) {
      assert.throws(() => start(replica, attemptOf(prompt, { grammar: hostile })), { code: "invalid_request" });
    }
  });

  test("a grammar that the engine cannot read, or that does not allow the past, fails that request alone", async () => {
    const prompt = await ids(replica, "x");
    const other = start(replica, attemptOf(prompt, { maxTokens: 200 }));
    for (const changes of [
      { grammar: 'root ::= "abc"', emittedTokenIds: [characterTokenId("z")] },
      { sampling: { ...defaultSampling, logitBias: [{ tokenId: 999_999, bias: 1 }] } },
    ]) {
      const { ending } = await start(replica, attemptOf(prompt, changes)).done;
      assert.deepEqual([ending.reason, ending.failure?.code], ["failed", "invalid_request"]);
    }
    assert.equal((await other.done).ending.usage.generatedTokens, 200);
  });
});

describe("aborting", () => {
  let replica: EngineReplica;
  before(async () => {
    replica = await engineModels.load("random", () => randomModel("25m", "Q8_0"), { contextLength: 8192 });
  });
  after(() => replica.close());

  /** Cancels once so many frames of a kind have come; returns how many come after that. */
  async function framesAfterCancel(kind: "prefill" | "tokens", promptLength: number): Promise<number> {
    const prompt = Array.from({ length: promptLength }, (_, i) => 400 + ((i * 7919) % 7000));
    const attempt = attemptOf(prompt, { maxTokens: 1000, cacheScope: ownScope(`${kind}${promptLength}`) });
    const started = start(replica, attempt);
    const count = (): number => started.frames.filter((frame) => frame.kind === kind).length;
    await waitFor(() => count() >= 3, 20_000);
    replica.cancel(attempt.requestId, attempt.epoch);
    const before = count();
    assert.equal((await started.done).ending.reason, "cancelled");
    return count() - before;
  }

  // The message takes its time on a busy machine: a chunk more, or some of the tokens, which take a millisecond each.
  test("in prefill ends with the running chunk", async () => {
    for (const length of [4000, 4001, 4002]) assert.ok((await framesAfterCancel("prefill", length)) <= 2);
  });

  test("in decode ends with the running token", async () => {
    for (const length of [20, 21, 22]) assert.ok((await framesAfterCancel("tokens", length)) <= 200);
  });
});

describe("prompts that say nothing", () => {
  test("only special tokens give a defined answer", async () => {
    const replica = await engineModels.load("keyed", keyedModel);
    for (const prompt of [[1], [2], [1, 1, 1], [0]]) {
      const { ids: generated, ending } = await start(replica, attemptOf(prompt)).done;
      assert.deepEqual([generated, ending.reason], [predictKeyedIds(prompt, 20), "length"]);
    }
    await replica.close();
  });
});
