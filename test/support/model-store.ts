// A node's model store in this process, without other nodes.

import { join } from "node:path";
import { ModelDigests } from "@pomona/node-agent/model-store/model-digests";
import { ModelStore, type ModelStoreDependencies } from "@pomona/node-agent/model-store/model-store";
import { TransferLimiter } from "@pomona/node-agent/model-store/transfer-limiter";
import { PomonaError } from "@pomona/shared/core/errors";
import { systemClock } from "@pomona/shared/runtime/clock";
import { createSilentLogger } from "@pomona/shared/runtime/logger";

/** Its files go into `directory`; sources may be anywhere, and stall after a second. */
export function openStore(
  directory: string,
  changes: Partial<ModelStoreDependencies> = {},
): { readonly store: ModelStore; readonly digests: ModelDigests } {
  const log = createSilentLogger();
  const digests = new ModelDigests({ cachePath: join(directory, "digests.json"), log });
  const alone = new PomonaError("not_found", "there is no other node");
  const store = new ModelStore({
    directory: join(directory, "models"),
    digests,
    peerFiles: { read: () => Promise.reject(alone), probe: () => Promise.reject(alone), doubt: () => undefined },
    policy: { allowsPrivate: true, hubOrigin: "https://hub.invalid", token: null, stallMs: 1000 },
    retries: { failuresMax: 3, waitMinMs: 10, waitMaxMs: 20 },
    limiter: new TransferLimiter(
      { maxBytesPerSecond: null, busyBytesPerSecond: 1e9 },
      { clock: systemClock, isBusy: () => false },
    ),
    clock: systemClock,
    log,
    onTransfer: () => undefined,
    ...changes,
  });
  return { store, digests };
}
