// What this node allows of sources: its settings, and the environment that other tools of the hub read too.
import { PomonaError } from "@pomona/shared/core/errors";
import type { SourcePolicy } from "./guarded-request.ts";
import { defaultHubUrl } from "./hub.ts";

export type SourceSettings = { readonly allowsPrivateSources: boolean; readonly transferStallMs: number };

/** @throws PomonaError `setup_failed` when the hub's address is none. */
export function sourcePolicyOf(
  { allowsPrivateSources, transferStallMs }: SourceSettings,
  environment: Readonly<Record<string, string | undefined>>,
): SourcePolicy {
  const hub = environment["POMONA_HF_ENDPOINT"] || environment["HF_ENDPOINT"] || defaultHubUrl;
  if (!URL.canParse(hub) || !/^https?:$/.test(new URL(hub).protocol)) {
    const message = `POMONA_HF_ENDPOINT or HF_ENDPOINT is ${JSON.stringify(hub)}: set it to an https: address, or take it away`;
    throw new PomonaError("setup_failed", message);
  }
  return {
    allowsPrivate: allowsPrivateSources,
    hubOrigin: new URL(hub).origin,
    token: environment["HF_TOKEN"] || null,
    stallMs: transferStallMs,
  };
}
