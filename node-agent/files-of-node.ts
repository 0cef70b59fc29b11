// The store as other nodes and the coordinator see it: nothing is removed that a replica uses.
import { PomonaError } from "@pomona/shared/core/errors";
import { type AgentState, holders } from "./core/state.ts";
import type { ModelStore } from "./model-store/model-store.ts";
import type { FilesPort } from "./node-port.ts";

export function filesOfNode(store: ModelStore, state: AgentState): FilesPort {
  return {
    inspect: (call) => store.inspect(call),
    pull: (call) => store.pull(call),
    openForSending: (digest) => store.openForSending(digest),
    passSent: (bytes, signal) => store.passSent(bytes, signal),
    doubt: (digest) => store.doubt(digest),
    remove: async (digest) => {
      const user = holders(state).find(({ spec }) => spec.files.some((file) => file.digest === digest));
      if (user === undefined) return await store.remove(digest);
      const message = `replica ${user.replicaId} of ${user.spec.model} uses the file: unload it first`;
      throw new PomonaError("failed_precondition", message);
    },
  };
}
