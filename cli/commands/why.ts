// `pomona why`: where a request went, what the other machines would have cost, and what happened to it.
import type { AttemptHistory__Output } from "@pomona/proto/generated/pomona/v1/AttemptHistory";
import type { ExplainRequestResponse__Output } from "@pomona/proto/generated/pomona/v1/ExplainRequestResponse";
import { pomona } from "@pomona/proto/load";
import type { Command } from "commander";
import { askCluster, type ClusterFlags, callCluster, print, withClusterFlags } from "../ask-cluster.ts";
import { table, time } from "../render.ts";

export function addWhyCommand(program: Command): void {
  const why = program
    .command("why <request-id>")
    .description("why a request went where it went, and what happened to it");
  withClusterFlags(why)
    .addHelpText(
      "after",
      "\nExample (the id is in the answer's x-request-id):\n  pomona why 9d2f0c4b7e6a45c1b3d8f7a2e5c90b14",
    )
    .action((requestId: string, flags: ClusterFlags) =>
      askCluster(flags, async (client) => {
        const history = await callCluster(client, pomona.Cluster.service.ExplainRequest, { requestId });
        print(flags, history, describe);
      }),
    );
}

/** For people: one paragraph and one table for each attempt. */
function describe(history: ExplainRequestResponse__Output): string {
  const { requestId, model, api, priority, promptTokens, ageMs, attempts, ending } = history;
  const head = `Request ${requestId}: ${model} by ${api}, ${priority}, ${promptTokens} prompt tokens`;
  const lines = attempts.flatMap(describeAttempt);
  const end =
    ending === null
      ? `It ${attempts.length === 0 ? "waits" : "runs"} since ${time(ageMs)}.`
      : `It ended after ${time(ageMs)}: ${ending.reason.replace("FINISH_REASON_", "").toLowerCase()}${
          ending.error === null ? "" : ` (${ending.error.message})`
        }, ${ending.usage?.generatedTokens ?? 0} tokens.`;
  return [head, ...lines, "", end].join("\n");
}

function describeAttempt(attempt: AttemptHistory__Output): string[] {
  const { epoch, nodeId, queueMs, candidates, movedFor } = attempt;
  const predicted = attempt._predictedFirstTokenMs === undefined ? null : (attempt.predictedFirstTokenMs ?? null);
  const real = attempt._firstTokenMs === undefined ? null : (attempt.firstTokenMs ?? null);
  const cached = attempt._cachedTokens === undefined ? null : (attempt.cachedTokens ?? null);
  const lines = ["", `Attempt ${epoch} went to node ${nodeId} after ${time(queueMs)} in the queue.`];
  if (predicted === null) lines.push("It was in quarantine after a crash, and took the first replica that was empty.");
  else {
    const reused = cached === null ? "" : `; ${cached} prompt tokens were reused`;
    const came = real === null ? "has not come" : `came after ${time(real)}`;
    lines.push(`First token: predicted after ${time(predicted)}, ${came}${reused}.`);
  }
  if (attempt.checkpoint !== "") lines.push(checkpointTexts[attempt.checkpoint] ?? attempt.checkpoint);
  if (attempt.checkpointNodeId !== "") lines.push(`Its state was saved on node ${attempt.checkpointNodeId} as well.`);
  if (movedFor !== "") lines.push(`It went on elsewhere: ${movedFor}.`);
  if (candidates.length > 0) lines.push("", table([costHead, ...candidates.map(costRow)]));
  return lines;
}

/** What became of a state that another node had saved. */
const checkpointTexts: Readonly<Record<string, string>> = {
  restored: "It went on from the state that the node before had saved there.",
  failed: "The state that the node before had saved there was broken: the prompt was evaluated again.",
};

const costHead = ["", "NODE", "SLOT", "WAIT", "PREFILL", "DECODE", "DELAY TO OTHERS", "REUSED", "COST"];

function costRow(cost: AttemptHistory__Output["candidates"][number]): string[] {
  const reused = cost.cachedTokens === 0 ? "" : `${cost.cachedTokens} (${cost.cachedIn})`;
  const figures = [cost.wait, cost.prefill, cost.decode, cost.delay].map((value) => time(1000 * value));
  return [
    cost.isChosen ? "->" : "",
    cost.nodeId,
    cost.hasIdleSlot ? "free" : "busy",
    ...figures,
    reused,
    time(1000 * cost.score),
  ];
}
