import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Output, OutputAssembler } from "./output-assembler.ts";
import type { OutputDelta } from "./output-delta.ts";
import { outputMarkers, thoughtFormats } from "./output-parser.ts";

const encoder = new TextEncoder();

type Options = Omit<ConstructorParameters<typeof OutputAssembler>[0], "stop">;

/** One entry for each character, so that the cuts between deltas do not count. */
function spelledOut(deltas: readonly OutputDelta[]): OutputDelta[] {
  return deltas.flatMap((delta): readonly OutputDelta[] =>
    "text" in delta ? [...delta.text].map((text) => ({ ...delta, text })) : [delta],
  );
}

function textOf({ deltas }: Output): string {
  return deltas.map((delta) => (delta.kind === "text" ? delta.text : "")).join("");
}

/** Feeds tokens in chunks of the given lengths, the rest in one. */
function assemble(tokens: readonly Uint8Array[], chunkLengths: readonly number[], stop: readonly string[]): string {
  const assembler = new OutputAssembler({ stop });
  const lengths = [...chunkLengths, tokens.length];
  let start = 0;
  let text = "";
  for (const length of lengths) {
    const part = assembler.push(tokens.slice(start, start + length));
    text += textOf(part);
    if (part.isStopped) return text;
    start += length;
  }
  return text + textOf(assembler.finish());
}

const tokensOf = (text: string): Uint8Array[] => [...encoder.encode(text)].map((byte) => Uint8Array.of(byte));

test("a character that is cut between tokens is shown whole", () => {
  const assembler = new OutputAssembler({ stop: [] });
  const [first, second] = tokensOf("é");
  assert.ok(first && second);
  assert.deepEqual(assembler.push([first]).deltas, []);
  const deltas = [{ kind: "text", text: "é" }];
  assert.deepEqual(assembler.push([second]), { deltas, lastIndex: 1, isStopped: false });
});

test("a character that never ends becomes one replacement character", () => {
  assert.equal(assemble([Uint8Array.of(0x61, 0xe2, 0x82)], [], []), "a\ufffd");
});

test("the answer ends before the first stop string, also over token borders", () => {
  assert.equal(assemble(tokensOf("one two three"), [2, 3], ["three", "two"]), "one ");
});

test("text that only begins a stop string is shown in the end", () => {
  assert.equal(assemble(tokensOf("say STO"), [], ["STOP"]), "say STO");
});

test("nothing is held back longer than it may begin a stop string", () => {
  const assembler = new OutputAssembler({ stop: ["ab"] });
  assert.equal(textOf(assembler.push(tokensOf("xa"))), "x");
  assert.equal(textOf(assembler.push(tokensOf("y"))), "ay");
});

test("any cut of the tokens into chunks gives the same text", () => {
  const bytes = fc.array(fc.uint8Array({ maxLength: 4 }), { maxLength: 40 });
  const texts = fc.string({ unit: "grapheme", maxLength: 40 }).map(tokensOf);
  const stops = fc.array(fc.string({ minLength: 1, maxLength: 3 }), { maxLength: 4 });
  fc.assert(
    fc.property(fc.oneof(bytes, texts), fc.array(fc.nat(7)), stops, (tokens, cuts, stop) => {
      assert.equal(assemble(tokens, cuts, stop), assemble(tokens, [], stop));
    }),
  );
});

test("without stop strings the text is what the WHATWG decoder makes of all bytes", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 4 })), (tokens) => {
      const all = Uint8Array.from(tokens.flatMap((token) => [...token]));
      assert.equal(assemble(tokens, [], []), new TextDecoder("utf-8", { ignoreBOM: true }).decode(all));
    }),
  );
});

test("stop strings end the text, not thoughts or calls", () => {
  const answer = '<think>END</think>so<tool_call>{"name":"f","arguments":{"a":"END"}}</tool_call> more END never';
  const format = { calls: "hermes", thoughts: "think" } as const;
  const assembler = new OutputAssembler({ stop: ["END"], format, toolNames: ["f"] });
  const { deltas, isStopped } = assembler.push(tokensOf(answer));
  assert.deepEqual(deltas, [
    { kind: "reasoning", text: "END" },
    { kind: "text", text: "so" },
    { kind: "toolCallBegin", index: 0, name: "f" },
    { kind: "toolCallArguments", index: 0, text: '{"a":"END"}' },
    { kind: "toolCallEnd", index: 0, isComplete: true },
    { kind: "text", text: "more " },
  ]);
  assert.equal(isStopped, true);
});

test("a call that has to be made, and is cut off before it begins, is no text", () => {
  const format = { calls: "hermes", thoughts: "think" } as const;
  const cut = (answer: string, isCallForced: boolean): readonly OutputDelta[] => {
    const assembler = new OutputAssembler({ stop: [], format, toolNames: ["f"], isCallForced });
    const { deltas } = assembler.push(tokensOf(answer));
    return [...deltas, ...assembler.finish().deltas];
  };
  const thought = { kind: "reasoning", text: "Hm." };
  for (const begun of ["<tool", "<tool_call>", '<tool_call>\n{"name": "f'] as const) {
    assert.deepEqual(cut(`<think>Hm.</think>${begun}`, true), [thought]);
    assert.deepEqual(cut(`<think>Hm.</think>${begun}`, false), [thought, { kind: "text", text: begun }]);
  }
  const call = [
    { kind: "toolCallBegin", index: 0, name: "f" },
    { kind: "toolCallArguments", index: 0, text: '{"a":' },
    { kind: "toolCallEnd", index: 0, isComplete: false },
  ];
  assert.deepEqual(cut('<tool_call>{"name":"f","arguments":{"a":', true), call);
});

test("any cut of the ids into chunks gives the same parts, in every format", () => {
  const snippet = fc.oneof(
    fc.constantFrom(...outputMarkers, '{"name":"f","arguments":{"a":"é"}}', "END"),
    fc.string({ unit: "grapheme" }),
  );
  const tokens = fc.array(snippet, { maxLength: 12 }).map((parts) => tokensOf(parts.join("")));
  const calls = fc.constantFrom("none", "hermes", "llama3", "mistral", "deepseek", "harmony", "json");
  const format = fc.record({ calls, thoughts: fc.constantFrom(...thoughtFormats) });
  const options = fc.record({ format, startsInReasoning: fc.boolean(), startsInText: fc.boolean() });
  const run = (answer: readonly Uint8Array[], lengths: readonly number[], chosen: Options): string => {
    const assembler = new OutputAssembler({ stop: ["END", "ND "], toolNames: ["f"], ...chosen });
    const deltas: OutputDelta[] = [];
    let start = 0;
    for (const length of [...lengths, answer.length]) {
      const output = assembler.push(answer.slice(start, start + length));
      deltas.push(...output.deltas);
      if (output.isStopped) return JSON.stringify(spelledOut(deltas));
      start += length;
    }
    return JSON.stringify(spelledOut([...deltas, ...assembler.finish().deltas]));
  };
  fc.assert(
    fc.property(fc.tuple(tokens, fc.array(fc.nat(9))), options, ([answer, lengths], chosen) => {
      assert.equal(run(answer, lengths, chosen), run(answer, [], chosen));
    }),
    { numRuns: 1000 },
  );
});
