import { open } from "node:fs/promises";
import { crc32 } from "node:zlib";

const pieceBytes = 1 << 20;

/** Copies a file piece by piece, so that it never stands in memory whole. Returns its CRC-32. */
export async function copyChecked(from: string, to: string): Promise<number> {
  const source = await open(from, "r");
  const target = await open(to, "w", 0o600);
  try {
    const piece = Buffer.allocUnsafeSlow(pieceBytes);
    let sum = 0;
    for (;;) {
      const { bytesRead } = await source.read(piece, 0, pieceBytes);
      if (bytesRead === 0) return sum;
      const read = piece.subarray(0, bytesRead);
      sum = crc32(read, sum);
      await target.writeFile(read);
    }
  } finally {
    await source.close();
    await target.close();
  }
}
