// Pieces of byte-level BPE vocabularies (GPT-2, Llama 3, Qwen) as bytes.
const encoder = new TextEncoder();

/** Byte-level BPE writes each byte as a printable character (bytes_to_unicode of OpenAI's GPT-2 encoder.py). */
const byteOfCharacter = ((): ReadonlyMap<number, number> => {
  const map = new Map<number, number>();
  let moved = 0;
  for (let byte = 0; byte < 256; byte += 1) {
    const isPrintable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    map.set(isPrintable ? byte : 256 + moved, byte);
    if (!isPrintable) moved += 1;
  }
  return map;
})();

/** The bytes that a piece of the vocabulary stands for. */
export function byteLevelBytes(piece: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of piece) {
    const byte = byteOfCharacter.get(character.codePointAt(0) ?? 0);
    if (byte === undefined) bytes.push(...encoder.encode(character));
    else bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}
