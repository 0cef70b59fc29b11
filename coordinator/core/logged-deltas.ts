import type { OutputDelta } from "@pomona/shared/core/output/output-delta";
import type { LoggedToken } from "./generation-request.ts";

type Output = { readonly deltas: readonly OutputDelta[]; readonly tokens: readonly LoggedToken[] | null };

/** Each part with the tokens that are told with it: all of an output's go with its first piece of text. */
export function loggedDeltas({ deltas, tokens }: Output) {
  let rest = tokens;
  return deltas.map((delta) => {
    const logged = delta.kind === "text" ? rest : null;
    if (delta.kind === "text") rest = null;
    return { delta, tokens: logged };
  });
}
