// Bodies that are right, one for each API, and what a mutation does to them.
import fc from "fast-check";

const tool = {
  name: "get_weather",
  description: "Weather",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};
const call = { id: "call_1", type: "function", function: { name: "get_weather", arguments: '{"city":"Oslo"}' } };
const schema = { type: "object", properties: { a: { type: "integer" } }, required: ["a"] };
const conversation = [
  { role: "system", content: "Be brief." },
  { role: "user", content: [{ type: "text", text: "hi" }] },
];

export type Example = { readonly path: string; readonly body: Readonly<Record<string, unknown>> };

const thinking = [
  { type: "thinking", thinking: "hm", signature: "x" },
  { type: "text", text: "Let me see." },
  { type: "tool_use", id: "toolu_1", name: tool.name, input: { city: "Oslo" } },
];
const found = [
  { type: "text", text: "sunny" },
  { type: "tool_reference", tool_name: "late" },
];
const document = { type: "document", source: { type: "text", media_type: "text/plain", data: "All." }, title: "T" };
const result = { type: "tool_result", tool_use_id: "toolu_1", content: found };
const late = { name: "late", input_schema: tool.parameters, defer_loading: true };
const toolChanges = [
  { type: "text", text: "hurry" },
  { type: "tool_removal", tool: { type: "tool_reference", name: "late" } },
  { type: "tool_addition", tool: { type: "tool_definition", definition: late } },
];
const messagesBody = {
  model: "m",
  system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }],
  messages: [
    { role: "user", content: "hi" },
    { role: "assistant", content: thinking },
    { role: "user", content: [result, document, { type: "text", text: "go on" }] },
    { role: "system", content: toolChanges, clear_at: "next_user_message" },
  ],
  tools: [{ name: tool.name, description: tool.description, input_schema: tool.parameters }, late],
  tool_choice: { type: "auto", disable_parallel_tool_use: true },
  thinking: { type: "adaptive" },
};

const otherExamples: readonly Example[] = [
  {
    path: "/v1/messages",
    body: {
      ...messagesBody,
      max_tokens: 8,
      temperature: 0.5,
      top_p: 0.9,
      top_k: 5,
      stop_sequences: ["END"],
      metadata: { user_id: "u" },
      stream: true,
    },
  },
  {
    path: "/v1/messages",
    body: {
      model: "m",
      max_tokens: 8,
      messages: [{ role: "user", content: "hi" }],
      output_config: { format: { type: "json_schema", schema } },
    },
  },
  { path: "/v1/messages/count_tokens", body: messagesBody },
  {
    path: "/api/chat",
    body: {
      model: "m:latest",
      messages: [
        ...conversation.slice(0, 1),
        {
          role: "assistant",
          content: "",
          tool_calls: [{ function: { name: tool.name, arguments: { city: "Oslo" } } }],
        },
        { role: "tool", tool_name: tool.name, content: "sunny" },
      ],
      tools: [{ type: "function", function: tool }],
      options: { num_predict: 8, temperature: 0.5, top_k: 5, stop: ["END"], num_ctx: 128, seed: 3 },
      keep_alive: "5m",
      think: false,
    },
  },
  {
    path: "/api/generate",
    body: {
      model: "m",
      prompt: "hi",
      system: "Be brief.",
      format: schema,
      options: { num_predict: 8 },
      stream: false,
      logprobs: true,
      top_logprobs: 2,
    },
  },
  { path: "/api/generate", body: { model: "m", prompt: "a", suffix: "b", raw: false, options: { num_predict: 4 } } },
  { path: "/api/show", body: { model: "m", verbose: true } },
];

/** Of texts, by models that make vectors of them, or compare them. */
const pooledExamples: readonly Example[] = [
  {
    path: "/v1/embeddings",
    body: { model: "vectors", input: ["a", "bc"], encoding_format: "base64", dimensions: 8, user: "u" },
  },
  { path: "/v1/embeddings", body: { model: "vectors", input: [[5, 6], [7]], encoding_format: "float" } },
  {
    path: "/v1/rerank",
    body: { model: "relevance", query: "a", documents: ["a", { text: "b" }], top_n: 1, return_documents: true },
  },
  {
    path: "/api/embed",
    body: {
      model: "vectors",
      input: ["a", "b"],
      truncate: true,
      dimensions: 8,
      options: { num_ctx: 64 },
      keep_alive: 5,
    },
  },
  { path: "/api/embeddings", body: { model: "vectors", prompt: "a", options: { seed: 1 }, keep_alive: "5m" } },
];

/** Answered with 200 as they are. */
export const examples: readonly Example[] = [
  {
    path: "/v1/chat/completions",
    body: {
      model: "m",
      messages: [
        ...conversation,
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", tool_call_id: "call_1", content: "sunny" },
      ],
      tools: [{ type: "function", function: tool }],
      tool_choice: "auto",
      temperature: 0.5,
      top_p: 0.9,
      seed: 3,
      n: 2,
      stop: ["END"],
      max_completion_tokens: 8,
      logit_bias: { "5": 1 },
      logprobs: true,
      top_logprobs: 2,
      presence_penalty: 0.1,
      user: "u",
      metadata: { a: "b" },
    },
  },
  {
    path: "/v1/chat/completions",
    body: {
      model: "m",
      messages: conversation,
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 8,
      response_format: { type: "json_schema", json_schema: { name: "s", schema, strict: true } },
    },
  },
  {
    path: "/v1/chat/completions",
    body: {
      model: "m",
      messages: [
        ...conversation,
        { role: "assistant", content: null, function_call: call.function },
        { role: "function", name: tool.name, content: "sunny" },
      ],
      functions: [tool],
      function_call: { name: tool.name },
      prediction: { type: "content", content: [{ type: "text", text: "a" }] },
      prompt_cache_options: { mode: "implicit", ttl: "30m" },
      service_tier: "auto",
      seed: -3,
      max_tokens: 8,
    },
  },
  {
    path: "/v1/chat/completions",
    body: {
      model: "m",
      messages: conversation,
      tools: [{ type: "function", function: tool }],
      tool_choice: {
        type: "allowed_tools",
        allowed_tools: { mode: "required", tools: [{ type: "function", function: { name: tool.name } }] },
      },
      stream: true,
      stream_options: { include_usage: true, include_obfuscation: true },
      max_tokens: 8,
    },
  },
  {
    path: "/v1/chat/completions",
    body: {
      model: "m",
      messages: [...conversation, { role: "assistant", content: "{", reasoning_content: "hm", prefix: true }],
      continue_final_message: true,
      add_generation_prompt: false,
      max_tokens: 8,
    },
  },
  { path: "/v1/completions", body: { model: "m", prompt: "a", max_tokens: 4, n: 2, best_of: 3, suffix: "b" } },
  { path: "/v1/completions", body: { model: "m", prompt: ["a", "b"], max_tokens: 4, echo: true, stop: "x", seed: 1 } },
  { path: "/v1/completions", body: { model: "m", prompt: [5, 6], max_tokens: 4, logprobs: 2, stream: true } },
  ...otherExamples,
  ...pooledExamples,
  { path: "/v1/responses/input_tokens", body: { model: "m", instructions: "Be brief.", input: "hi" } },
  {
    path: "/cluster/v1/plan",
    body: { deployments: [], removedModels: ["m"], lostNodes: [] },
  },
  {
    path: "/v1/responses",
    body: {
      model: "m",
      instructions: "Be brief.",
      input: [
        { role: "developer", content: "Be kind." },
        { type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] },
        { type: "reasoning", id: "rs_1", summary: [], content: [{ type: "reasoning_text", text: "Look." }] },
        {
          role: "assistant",
          phase: "commentary",
          content: [{ type: "output_text", text: "I look.", annotations: [] }],
        },
        { type: "function_call", call_id: "call_1", name: "get_weather", arguments: "{}" },
        { type: "function_call_output", call_id: "call_1", output: "sunny" },
      ],
      tools: [{ type: "function", ...tool, strict: false }],
      tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "get_weather" }] },
      include: ["message.output_text.logprobs", "reasoning.encrypted_content"],
      top_logprobs: 2,
      reasoning: { effort: "none", summary: "auto" },
      max_output_tokens: 16,
      metadata: { a: "b" },
      stream: true,
      stream_options: { include_obfuscation: false },
    },
  },
  {
    path: "/v1/responses",
    body: {
      model: "m",
      input: "hi",
      text: { format: { type: "json_schema", name: "s", schema, strict: true }, verbosity: "medium" },
      max_output_tokens: 16,
      store: false,
      truncation: "disabled",
    },
  },
];

/** What nobody expects where a value stands. */
const oddities: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    "",
    " ",
    -1,
    0,
    1.5,
    1e308,
    -1e308,
    2 ** 53,
    [],
    {},
    [[]],
    [null],
    "\ud800",
    "\0",
  ),
  fc.constantFrom<unknown>("a".repeat(100_000), Array(5000).fill("a"), Array(5000).fill({}), nested(2000, [])),
  fc.constantFrom<unknown>(
    { type: "array", minItems: 1e9 },
    { type: "string", pattern: "(a+)+$", maxLength: 1e9 },
    { type: "string", pattern: `(${"a{1,1000}".repeat(50)}){1000}` },
    { $ref: "#" },
    { allOf: Array(2000).fill({ type: "object" }) },
    nested(500, { type: "object" }, (inner) => ({ type: "object", properties: { a: inner }, required: ["a"] })),
    { type: "json_schema", json_schema: { name: "x", schema: { type: "array", items: {}, minItems: 1e9 } } },
    { type: "image_url", image_url: { url: "http://169.254.169.254/latest" } },
    { role: "tool", content: "a", tool_call_id: "nobody" },
    { role: "wizard", content: "a" },
    "data:image/png;base64,AAAA",
  ),
  fc.jsonValue({ maxDepth: 3 }),
);

function nested(depth: number, innermost: unknown, wrap: (inner: unknown) => unknown = (inner) => [inner]): unknown {
  let value = innermost;
  for (let index = 0; index < depth; index += 1) value = wrap(value);
  return value;
}

type Change = (body: unknown, place: number) => unknown;

/** Puts a value where another one stands, or beside it, or takes one away. `place` says where, counted through all places. */
const changes: fc.Arbitrary<Change> = fc.oneof(
  oddities.map(
    (oddity): Change =>
      (body, place) =>
        replaceAt(body, place, () => oddity),
  ),
  oddities.map(
    (oddity): Change =>
      (body, place) =>
        replaceAt(body, place, (value) => [value, oddity]),
  ),
  fc
    .tuple(
      fc.oneof(fc.constantFrom("type", "role", "content", "stream", "schema", "__proto__x", "x"), fc.string()),
      oddities,
    )
    .map(
      ([key, oddity]): Change =>
        (body, place) =>
          replaceAt(body, place, (value) => (isObject(value) ? { ...value, [key]: oddity } : value)),
    ),
  fc.constant<Change>((body, place) => replaceAt(body, place, () => undefined)),
);

/** Texts of bodies, most of them wrong somewhere. */
export const mutatedTexts: fc.Arbitrary<{ readonly path: string; readonly text: string }> = fc
  .tuple(
    fc.constantFrom(...examples),
    fc.array(fc.tuple(changes, fc.nat(200)), { minLength: 1, maxLength: 3 }),
    spoilers(),
  )
  .map(([{ path, body }, list, spoil]) => {
    const changed = list.reduce<unknown>((value, [change, place]) => change(value, place), body);
    return { path, text: spoil(JSON.stringify(changed) ?? "") };
  });

/** Most texts stay as they are. */
function spoilers(): fc.Arbitrary<(text: string) => string> {
  const same = fc.constant((text: string) => text);
  return fc.oneof(
    { weight: 8, arbitrary: same },
    { weight: 1, arbitrary: fc.nat(400).map((length) => (text: string) => text.slice(0, length)) },
    {
      weight: 1,
      arbitrary: fc.constant((text: string) => text.replace("{", '{"model":"m","model":7,"__proto__":{"a":1},')),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.nat(400), fc.string({ unit: "binary", maxLength: 3 })).map(
        ([place, more]) =>
          (text: string) =>
            text.slice(0, place) + more + text.slice(place + 1),
      ),
    },
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value with one of its places changed; places are counted from the outside, again from the first after the last. */
function replaceAt(body: unknown, place: number, change: (value: unknown) => unknown): unknown {
  const count = placesIn(body);
  let rest = place % count;
  const walk = (value: unknown): unknown => {
    rest -= 1;
    if (rest === -1) return change(value);
    if (rest < -1) return value;
    if (Array.isArray(value)) return value.map(walk);
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item)]));
  };
  return walk(body);
}

/** Bounded: what was put in may be deep. */
function placesIn(value: unknown, depth = 0): number {
  if (depth > 20 || typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce((sum: number, item) => sum + placesIn(item, depth + 1), 1);
}
