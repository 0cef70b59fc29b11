/** A number below 2^52 that stands for a text: FNV-1a (Fowler, Noll, Vo) in two halves with different offsets. */
export function textHash(text: string): number {
  let low = 0x811c9dc5;
  let high = 0xcbf29ce4;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ (code + at), 0x01000193);
  }
  return ((high >>> 0) & 0xfffff) * 2 ** 32 + (low >>> 0);
}
