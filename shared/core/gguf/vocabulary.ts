// The vocabulary of the synthetic models: SentencePiece with one token for each printable ASCII character, a byte token
// for everything else, and whole pieces that no text tokenises to.

/** Tokens by id. */
export type Vocabulary = readonly VocabularyToken[];

export type VocabularyToken = {
  readonly text: string;
  /** What it adds to an answer; nothing for control tokens. */
  readonly bytes: Uint8Array;
  readonly type: "normal" | "unknown" | "control" | "byte";
};

export const unknownTokenId = 0;
export const bosTokenId = 1;
export const eosTokenId = 2;
const firstByteTokenId = 3;
const firstCharacterTokenId = firstByteTokenId + 256;
const firstCharacter = 0x20;
const lastCharacter = 0x7e;
/** The first piece; all before it is the same in every vocabulary. */
export const firstPieceTokenId = firstCharacterTokenId + lastCharacter - firstCharacter + 1;

/** How SentencePiece writes a space. */
const spaceMark = "\u2581";
const encoder = new TextEncoder();

/** The shared tokens, then one token for each piece, then control tokens. SentencePiece joins only pairs of tokens whose joined text is a
 * token too, so a piece of three or more characters can only be generated, never be read from a prompt.
 * @throws Error when a piece is shorter or comes twice: a bug of the caller.
 */
export function createVocabulary(pieces: readonly string[], controls: readonly string[] = []): Vocabulary {
  const seen = new Set<string>();
  for (const piece of pieces) {
    if ([...piece].length < 3 || seen.has(piece)) throw new Error(`assertion failed: ${piece} is a unique long piece`);
    seen.add(piece);
  }
  const none = new Uint8Array();
  const tokens: VocabularyToken[] = [
    { text: "<unk>", bytes: none, type: "unknown" },
    { text: "<s>", bytes: none, type: "control" },
    { text: "</s>", bytes: none, type: "control" },
  ];
  for (let byte = 0; byte < 256; byte++) {
    const hex = byte.toString(16).toUpperCase().padStart(2, "0");
    tokens.push({ text: `<0x${hex}>`, bytes: Uint8Array.of(byte), type: "byte" });
  }
  for (let code = firstCharacter; code <= lastCharacter; code++) tokens.push(normalToken(String.fromCharCode(code)));
  for (const piece of pieces) tokens.push(normalToken(piece));
  for (const text of controls) tokens.push({ text, bytes: none, type: "control" });
  return tokens;
}

function normalToken(text: string): VocabularyToken {
  return { text: text.replaceAll(" ", spaceMark), bytes: encoder.encode(text), type: "normal" };
}

/** The token of one byte. */
export function byteTokenId(byte: number): number {
  return firstByteTokenId + byte;
}

/** The token of a printable ASCII character. */
export function characterTokenId(character: string): number {
  return firstCharacterTokenId + character.charCodeAt(0) - firstCharacter;
}

/** The tokens that llama.cpp makes of a text with any of these vocabularies; no token for the beginning is added. */
export function tokenizeText(text: string): number[] {
  return [...text].flatMap((character) => {
    if (character === spaceMark) return [characterTokenId(" ")];
    if (character >= " " && character <= "~") return [characterTokenId(character)];
    return [...encoder.encode(character)].map(byteTokenId);
  });
}

/** The text of generated tokens; U+FFFD stands for what is not whole UTF-8. */
export function textOfTokens(vocabulary: Vocabulary, tokenIds: readonly number[]): string {
  const bytes = tokenIds.flatMap((id) => [...(vocabulary[id]?.bytes ?? [])]);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
}
