import { open } from "node:fs/promises";
import { crc32 } from "node:zlib";

const pieceBytes = 1 << 20;

/** Copies a file piece by piece, so that it never stands in memory whole. Returns its CRC-32. */
export async function copyChecked(from: string, to: string): Promise<number> {
  const target = await open(to, "w", 0o600);
  try {
    return await readPieces(from, (piece) => target.writeFile(piece));
  } finally {
    await target.close();
  }
}

/** The CRC-32 of a file. */
export async function checksumOf(path: string): Promise<number> {
  return await readPieces(path, () => Promise.resolve());
}

/** `onPiece` has a piece until its promise resolves. */
async function readPieces(path: string, onPiece: (piece: Buffer) => Promise<void>): Promise<number> {
  const source = await open(path, "r");
  try {
    const buffer = Buffer.allocUnsafeSlow(pieceBytes);
    let sum = 0;
    for (;;) {
      const { bytesRead } = await source.read(buffer, 0, pieceBytes);
      if (bytesRead === 0) return sum;
      const piece = buffer.subarray(0, bytesRead);
      sum = crc32(piece, sum);
      await onPiece(piece);
    }
  } finally {
    await source.close();
  }
}
