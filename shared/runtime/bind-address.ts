import { PomonaError } from "../core/errors.ts";
import type { Logger } from "./logger.ts";

/** Whether only processes of this machine reach an address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/**
 * Refuses an address beyond loopback unless the operator insists: there are no keys and no encryption yet.
 * @throws PomonaError `invalid_request`: wrong usage.
 */
export function checkBindAddress(host: string, isInsecure: boolean, log: Logger): void {
  if (isLoopback(host)) return;
  if (!isInsecure) {
    throw new PomonaError(
      "invalid_request",
      `binding ${host} would let everyone on the network in, without keys or encryption: bind 127.0.0.1, or add --insecure if that is what you want`,
    );
  }
  log.warn({ host }, "bound beyond loopback without keys or encryption: everyone on the network can use this");
}
