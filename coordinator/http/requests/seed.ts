// Seeds as clients draw them: of 64 bits.
import { z } from "zod";

/** With a sign, and not always exact by the time it is read. */
export const seed = z
  .number()
  .min(-(2 ** 63))
  .max(2 ** 63)
  .refine((value) => Number.isInteger(value), { error: "must be a whole number" });

const safeSeeds = 2 ** 53;

/** Inside, they count from 0; those that do here stay what they are. */
export function seedFrom0(value: number): number {
  const rest = value % safeSeeds;
  return rest < 0 ? rest + safeSeeds : Math.abs(rest);
}
