import { PomonaError } from "../core/errors.ts";
import type { ServiceRecord } from "./discovery.ts";
import { isInstanceName } from "./packet.ts";

/**
 * Refuses what DNS cannot carry.
 * @throws PomonaError `invalid_request` for a name that is no DNS label, a port out of range, or a TXT entry over 255 bytes.
 */
export function checkRecord({ name, type, port, txt }: ServiceRecord): void {
  if (!isInstanceName(name)) refuse("name", `${JSON.stringify(name)} is not made of letters, digits and dashes`);
  if (!/^[a-z0-9-]{1,15}$/.test(type)) refuse("type", `${JSON.stringify(type)} is not a service type of RFC 6335`);
  if (!Number.isInteger(port) || port < 1 || port > 65535) refuse("port", `${port} is not a port`);
  checkTxt(txt);
}

/** @throws PomonaError `invalid_request` for an entry over 255 bytes, or a key that is empty or holds `=`. */
export function checkTxt(txt: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(txt)) {
    if (!/^[\x20-\x3c\x3e-\x7e]{1,64}$/.test(key)) refuse("txt", `${JSON.stringify(key)} is not a key of a TXT record`);
    if (Buffer.byteLength(`${key}=${value}`) > 255) refuse("txt", `the TXT entry ${key} is longer than 255 bytes`);
  }
}

function refuse(field: string, message: string): never {
  throw new PomonaError("invalid_request", message, { field });
}
