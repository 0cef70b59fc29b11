// Reading of flag values, shared by the commands.
import { homedir } from "node:os";
import { join } from "node:path";
import { InvalidArgumentError } from "commander";

/** $POMONA_STATE_DIR, else ~/.pomona. */
export function defaultStateDir(): string {
  return process.env["POMONA_STATE_DIR"] ?? join(homedir(), ".pomona");
}

export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new InvalidArgumentError("a port is 0 to 65535; 0 means any free one");
  return port;
}

export function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1) throw new InvalidArgumentError("must be a whole number from 1 on");
  return count;
}

/** Bytes, or with a unit: 24GB, 512MB (powers of ten). */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(B|kB|MB|GB|TB)?$/.exec(text);
  if (match === null) throw new InvalidArgumentError("a size is a number of bytes, or like 512MB or 24GB");
  const scale = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };
  const unit = match[2] ?? "B";
  return Math.floor(Number(match[1]) * (scale[unit as keyof typeof scale] ?? 1));
}

/** A whole number, 0 included. */
export function parseNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("must be a whole number");
  return Number(text);
}

/** A whole number that may be less than nothing. */
export function parseInteger(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new InvalidArgumentError("must be a whole number, like 5 or -1");
  return Number(text);
}

/** 500ms, 90s, 30m, 2h, 1d. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  if (match === null) throw new InvalidArgumentError("a time is like 90s, 30m, 2h or 1d");
  const scale = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  return Math.round(Number(match[1]) * (scale[match[2] as keyof typeof scale] ?? 1));
}

/** For a flag that may be given several times. */
export function collect(text: string, earlier: readonly string[]): string[] {
  return [...earlier, text];
}
