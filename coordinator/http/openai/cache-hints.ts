// Where OpenAI's clients would have a prompt cached, and for how long. Every prefix is kept here anyway: they change no answer.
import { z } from "zod";

/** Of a request. */
export const promptCacheOptions = z
  .strictObject({ mode: z.enum(["implicit", "explicit"]).nullish(), ttl: z.string().max(100).nullish() })
  .nullish();

/** Of a part of the prompt, which ends there. */
export const promptCacheBreakpoint = z.strictObject({ mode: z.literal("explicit").nullish() }).nullish();
