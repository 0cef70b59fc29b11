// Models that say what is known beforehand: what a real one would do with tools, schemas and thoughts.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { scriptedModel } from "@pomona/shared/core/gguf/scripted-model";
import { writeGguf } from "@pomona/shared/core/gguf/writer";

/** What the models say, thoughts and calls aside. */
export const said = {
  hello: "Good day! The pool is listening, and it has understood every word of yours.",
  weather: "It is 21 degrees in Paris, with a light wind from the west.",
  both: "Paris has 21 degrees; Rome is warmer: 27.",
  thoughts: "Somebody wants a number. Six times seven makes it.",
  afterThoughts: "\n\nForty-two, after some thinking.",
  document: '{"city": "Paris", "degrees": 21}',
  /** The document behind its beginning. */
  begun: '"city": "Paris", "degrees": 21}',
} as const;

/** What the calls of the models are made with. */
export const called = {
  weather: { name: "get_weather", arguments: '{"city": "Paris"}' },
  both: [
    { name: "get_weather", arguments: '{"city": "Paris"}' },
    { name: "get_weather", arguments: '{"city": "Rome"}' },
  ],
} as const;

const call = ({ name, arguments: text }: { readonly name: string; readonly arguments: string }): string =>
  `<tool_call>\n{"name": "${name}", "arguments": ${text}}\n</tool_call>`;

/** Replies by the last character of the template. */
const replies = {
  c: call(called.weather),
  b: called.both.map(call).join("\n"),
  t: said.weather,
  u: said.both,
  j: said.document,
  "{": said.begun,
};

/**
 * Of the family of Qwen 2.5 and 3. Its end says what the model does: with tools it calls one for the weather, two for both
 * cities; when it has the results it tells them; where a JSON schema is asked for it writes a document.
 */
const template = `{%- if tools %}<|im_start|>system
You may call one or more functions, described in <tools></tools>:
<tools>{% for tool in tools %}
{{ tool | tojson }}{% endfor %}
</tools>
For each call return <tool_call>{"name": <function-name>, "arguments": <args-json-object>}</tool_call>.<|im_end|>
{% endif %}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}
{%- for call in message.tool_calls %}
<tool_call>
{{ call.function | tojson }}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}
{%- set last = messages[-1] %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% if last.role == "tool" %}{{ "u" if messages[-2].role == "tool" else "t" }}
{%- elif tools and "both" in last.content %}b
{%- elif tools and "weather" in last.content %}c
{%- elif "JSON" in messages[0].content %}j
{%- else %}h{% endif %}{% endif %}`;

/** Thinks first, unless it is told not to, about everything. */
const thinkingTemplate = `{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}<|im_start|>assistant
{% if enable_thinking is defined and enable_thinking is false %}<think>

</think>h{% else %}k{% endif %}`;

const trainedContext = 65_536;

/** The models as files, one folder for all; `remove` deletes it. */
export type KnownModels = {
  /** Chats, calls tools, writes JSON and fills gaps. */
  readonly assistant: string;
  /** Thinks before it speaks. */
  readonly thinker: string;
  remove(): void;
};

export function writeKnownModels(): KnownModels {
  const folder = mkdtempSync(join(tmpdir(), "pomona-clients-"));
  const write = (name: string, model: Omit<Parameters<typeof scriptedModel>[0], "name">): string => {
    const path = join(folder, `${name}.gguf`);
    writeFileSync(path, writeGguf(scriptedModel({ name, ...model })));
    return path;
  };
  return {
    assistant: write("assistant", {
      reply: said.hello,
      replies,
      chatTemplate: template,
      contextLength: trainedContext,
      controls: ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"],
    }),
    thinker: write("thinker", {
      reply: said.hello,
      replies: { k: `<think>\n${said.thoughts}\n</think>${said.afterThoughts}` },
      chatTemplate: thinkingTemplate,
    }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
