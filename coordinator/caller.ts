// Who asks, and how soon the answer is wanted, as the APIs tell it.
import { PomonaError } from "@pomona/shared/core/errors";
import type { TenantId } from "@pomona/shared/core/ids";
import type { Priority } from "./core/scheduler/waiting-request.ts";

/** Interactive is the default: somebody waits. */
export function parsePriority(text: string | undefined, field: string): Priority {
  switch (text ?? "") {
    case "":
    case "interactive":
      return "interactive";
    case "batch":
      return "batch";
    default:
      throw new PomonaError("invalid_request", `${field} must be interactive or batch`, { field });
  }
}

const idempotencyKeyLengthMax = 255;

/** Empty for none. @throws PomonaError `invalid_request` for anything but 1 to 255 visible characters. */
export function parseIdempotencyKey(text: string | undefined, field: string): string {
  if (text === undefined) return "";
  if (/^[\x21-\x7e]+$/.test(text) && text.length <= idempotencyKeyLengthMax) return text;
  const message = `${field} must be 1 to ${idempotencyKeyLengthMax} visible ASCII characters`;
  throw new PomonaError("invalid_request", message, { field });
}

/** Until requests carry keys, an address is a tenant: the same by IPv4 and by IPv6. */
export function tenantOf(host: string): TenantId {
  return host.replace(/^::ffff:/i, "");
}
