import { randomBytes } from "node:crypto";

/** 128 random bits as 32 lower-case hex digits: request ids and the like. */
export function randomId(): string {
  return randomBytes(16).toString("hex");
}

/** A random seed of a generation: an integer from 0 to 2^53-1. */
export function randomSeed(): number {
  return Number(randomBytes(8).readBigUInt64BE() >> 11n);
}
