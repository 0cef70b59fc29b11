// Where a client would have its prompt cached. Every prefix is kept here anyway: it is taken as the hint that it is.
import { z } from "zod";

export const cacheControl = z
  .strictObject({
    type: z.literal("ephemeral"),
    ttl: z.enum(["5m", "1h"]).nullish(),
    scope: z.string().max(100).nullish(),
  })
  .nullish();
