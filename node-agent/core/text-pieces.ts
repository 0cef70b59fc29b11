// Long texts in pieces: a text that is tokenized whole keeps every stream of the node waiting.

/** Characters of a piece at most: a few milliseconds of a tokenizer. */
const pieceLength = 16_384;
/** Special tokens of templates are shorter, and begin with one of these. */
const markerLength = 64;

/**
 * The pieces of a text, in order; it is one where it is short. They end after a line, else after a word, and never in a
 * special token or a character. Where one ends depends on nothing that follows it: two texts that begin alike have the
 * same first pieces, and so the same first tokens.
 */
export function* piecesOf(text: string, lengthMax = pieceLength): Generator<string, void, void> {
  let from = 0;
  while (text.length - from > lengthMax) {
    const end = from + endOf(text.slice(from, from + lengthMax));
    yield text.slice(from, end);
    from = end;
  }
  yield text.slice(from);
}

function endOf(window: string): number {
  for (const end of ["\n", " "]) {
    const after = window.lastIndexOf(end) + 1;
    if (after > window.length / 2) return after;
  }
  const marker = Math.max(window.lastIndexOf("<"), window.lastIndexOf("["));
  if (marker > Math.max(0, window.length - markerLength)) return marker;
  return /[\ud800-\udbff]$/.test(window) ? window.length - 1 : window.length;
}
