import { PomonaError } from "../core/errors.ts";

/** `host:port`, with brackets around an IPv6 address. */
export function hostAndPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Splits `host:port`; the host may be empty. The port is 1 to 65,535.
 * @throws PomonaError `invalid_request` naming the text.
 */
export function parseHostAndPort(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]{2,64})\]|([A-Za-z0-9.\-_]{0,253})):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65535)
    throw new PomonaError(
      "invalid_request",
      `${JSON.stringify(text.slice(0, 300))} is not an address of the form host:port`,
    );
  return { host: match[1] ?? match[2] ?? "", port };
}
