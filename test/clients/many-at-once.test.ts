// Each client with 32 streams at once, and with one that it leaves: on simulated engines, whose every letter is known.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import Anthropic from "@anthropic-ai/sdk";
import { ChatOpenAI } from "@langchain/openai";
import { Agent, OpenAIChatCompletionsModel, Runner } from "@openai/agents";
import { predictSimulated } from "@pomona/node-agent/engine/simulated/simulated-engine";
import { waitFor } from "@pomona/test/support/wait-for";
import { streamText } from "ai";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { skip, useClientPool } from "./client-pool.ts";

const pool = useClientPool({ engine: "simulated", nodes: 2 });

type Asked = { readonly prompt: string; readonly maxTokens: number; readonly signal?: AbortSignal };
/** Gives the pieces of an answer as they come. */
type Streaming = (asked: Asked) => AsyncIterable<string>;

const model = "assistant";
const openai = (): OpenAI => new OpenAI({ baseURL: `${pool.url}/v1`, apiKey: "none", maxRetries: 0 });
const anthropic = (): Anthropic => new Anthropic({ baseURL: pool.url, apiKey: "none", maxRetries: 0 });
const longQuestion = [{ role: "user" as const, content: "For long" }];
const runner = new Runner({ tracingDisabled: true });

const clients: Readonly<Record<string, Streaming>> = {
  "OpenAI SDK, chat": async function* ({ prompt, maxTokens, signal }) {
    const messages = [{ role: "user" as const, content: prompt }];
    const body = { model, messages, max_tokens: maxTokens, stream: true } as const;
    for await (const { choices } of await openai().chat.completions.create(body, { signal })) {
      yield choices[0]?.delta.content ?? "";
    }
  },
  "OpenAI SDK, completions": async function* ({ prompt, maxTokens, signal }) {
    const body = { model, prompt, max_tokens: maxTokens, stream: true } as const;
    for await (const { choices } of await openai().completions.create(body, { signal })) yield choices[0]?.text ?? "";
  },
  "OpenAI SDK, responses": async function* ({ prompt, maxTokens, signal }) {
    const body = { model, input: prompt, max_output_tokens: maxTokens, stream: true } as const;
    for await (const event of await openai().responses.create(body, { signal })) {
      if (event.type === "response.output_text.delta") yield event.delta;
    }
  },
  "AI SDK": async function* ({ prompt, maxTokens, signal }) {
    const provider = createOpenAICompatible({ name: "pomona", baseURL: `${pool.url}/v1` });
    const abortSignal = signal ?? new AbortController().signal;
    yield* streamText({ model: provider(model), prompt, maxOutputTokens: maxTokens, maxRetries: 0, abortSignal })
      .textStream;
  },
  LangChain: async function* ({ prompt, maxTokens, signal }) {
    const chat = new ChatOpenAI({
      model,
      apiKey: "none",
      maxTokens,
      maxRetries: 0,
      configuration: { baseURL: `${pool.url}/v1` },
    });
    for await (const chunk of await chat.stream(prompt, signal === undefined ? {} : { signal })) yield chunk.text;
  },
  "Anthropic SDK": async function* ({ prompt, maxTokens, signal }) {
    const messages = [{ role: "user" as const, content: prompt }];
    const body = { model, messages, max_tokens: maxTokens, stream: true } as const;
    for await (const event of await anthropic().messages.create(body, { signal })) {
      if (event.type === "content_block_delta" && event.delta.type === "text_delta") yield event.delta.text;
    }
  },
  Ollama: async function* ({ prompt, maxTokens, signal }) {
    const messages = [{ role: "user", content: prompt }];
    const options = { num_predict: maxTokens };
    const stream = await new Ollama({ host: pool.url }).chat({ model, messages, options, stream: true });
    signal?.addEventListener("abort", () => stream.abort());
    for await (const { message } of stream) yield message.content;
  },
  "Agents SDK": async function* ({ prompt, maxTokens, signal }) {
    const chat = new OpenAIChatCompletionsModel(openai(), model);
    const agent = new Agent({ name: "Host", model: chat, modelSettings: { maxTokens } });
    const stream = await runner.run(agent, prompt, { stream: true, ...(signal === undefined ? {} : { signal }) });
    yield* stream.toTextStream();
    if (signal?.aborted !== true) await stream.completed;
  },
};

async function whole(pieces: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const piece of pieces) text += piece;
  return text;
}

const maxTokens = 40;
const prompts = Array.from({ length: 32 }, (_, index) => `Question ${index}`);

for (const [name, stream] of Object.entries(clients)) {
  describe(name, { skip }, () => {
    test("32 streams at once are each answered, letter by letter", async () => {
      const answers = await Promise.all(prompts.map((prompt) => whole(stream({ prompt, maxTokens }))));
      const expected = prompts.map((prompt) => predictSimulated([...new TextEncoder().encode(prompt)], maxTokens));
      assert.deepEqual(answers, expected);
    });

    test("a stream that is left in its middle frees its slot", async () => {
      await pool.idle();
      const leave = new AbortController();
      let seen = "";
      const reading = (async () => {
        for await (const piece of stream({ prompt: "For long", maxTokens: 7000, signal: leave.signal })) seen += piece;
      })().catch((error: unknown) => error);
      await pool.busy(1);
      await waitFor(() => seen !== "", 20_000, "the first letter");
      leave.abort();
      await reading;
      await pool.idle();
      assert.ok(seen.length < 7000);
    });
  });
}

/** Answers that are not streamed: a client that has gone cannot be told by a write that fails. */
const wholes: Readonly<Record<string, (signal: AbortSignal) => PromiseLike<unknown>>> = {
  "OpenAI SDK, chat": (signal) =>
    openai().chat.completions.create({ model, messages: longQuestion, max_tokens: 7000 }, { signal }),
  "OpenAI SDK, responses": (signal) =>
    openai().responses.create({ model, input: longQuestion, max_output_tokens: 7000 }, { signal }),
  "Anthropic SDK": (signal) =>
    anthropic().messages.create({ model, messages: longQuestion, max_tokens: 7000 }, { signal }),
};

for (const [name, ask] of Object.entries(wholes)) {
  test(`${name}: a whole answer that nobody waits for any more frees its slot`, { skip }, async () => {
    await pool.idle();
    const leave = new AbortController();
    const answer = assert.rejects(async () => await ask(leave.signal));
    await pool.busy(1);
    leave.abort();
    await answer;
    await pool.idle();
  });
}
