import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OutputAssembler } from "./output-assembler.ts";

const encoder = new TextEncoder();

/** Feeds tokens in chunks of the given lengths, the rest in one. */
function assemble(tokens: readonly Uint8Array[], chunkLengths: readonly number[], stop: readonly string[]): string {
  const assembler = new OutputAssembler(stop);
  const lengths = [...chunkLengths, tokens.length];
  let start = 0;
  let text = "";
  for (const length of lengths) {
    const part = assembler.push(tokens.slice(start, start + length));
    text += part.text;
    if (part.isStopped) return text;
    start += length;
  }
  return text + assembler.finish().text;
}

const tokensOf = (text: string): Uint8Array[] => [...encoder.encode(text)].map((byte) => Uint8Array.of(byte));

test("a character that is cut between tokens is shown whole", () => {
  const assembler = new OutputAssembler([]);
  const [first, second] = tokensOf("é");
  assert.ok(first && second);
  assert.equal(assembler.push([first]).text, "");
  assert.deepEqual(assembler.push([second]), { text: "é", lastIndex: 1, isStopped: false });
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
  const assembler = new OutputAssembler(["ab"]);
  assert.equal(assembler.push(tokensOf("xa")).text, "x");
  assert.equal(assembler.push(tokensOf("y")).text, "ay");
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
