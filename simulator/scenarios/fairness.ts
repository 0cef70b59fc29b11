// One tenant dumps long jobs while another one chats (scheduling study, 5.7).
import { fluidCapacity, studyFleet } from "../engine/machine-profile.ts";
import { blockTokens } from "../engine/prefix.ts";
import { fittingModel } from "../pool/pool.ts";
import { seededRandom } from "../random.ts";
import { onlyModel, onlyTenant, sampleRows, type WorkloadRequest } from "../workload/sample.ts";
import type { TraceSource } from "../workload/trace-source.ts";
import type { Scenario } from "./scenario.ts";

const chatLoad = 0.45;
const chatRequests = 2000;
const jobsPerDump = 60;
/** When the jobs come, as shares of the chat's time. */
const dumpsAt: readonly number[] = [0.2, 0.45, 0.7];
const jobTenant = "jobs";
/** No block of a trace has so high an id. */
const firstJobBlock = 100_000_000;
const blocksOfJob = 64;

export const fairness: Scenario = {
  name: "fairness",
  summary: "a tenant dumps 60 long jobs three times while another one chats; the figures are the chat's",
  machines: studyFleet,
  models: [fittingModel(onlyModel)],
  requests,
  savedStates: 0,
  dropsLate: false,
  counts: ({ tenant }) => tenant === onlyTenant,
};

function requests(source: TraceSource, seed: number): WorkloadRequest[] {
  const random = seededRandom(seed);
  const chat = sampleRows(source.rows("conversation", seed), {
    count: chatRequests,
    requestsPerSecond: (mean) => chatLoad * fluidCapacity(studyFleet, mean),
    isBinned: source.kind === "public",
    random,
  });
  const spanMs = chat.at(-1)?.atMs ?? 0;
  const jobs = dumpsAt.flatMap((share, dump) =>
    Array.from({ length: jobsPerDump }, (_, job) => {
      const promptTokens = random.integer(3000, 6000);
      const firstBlock = firstJobBlock + (dump * jobsPerDump + job) * blocksOfJob;
      return {
        // As fast as a script sends them.
        atMs: share * spanMs + 20 * job,
        model: onlyModel,
        tenant: jobTenant,
        // No two of them continue each other.
        conversation: firstJobBlock + dump * jobsPerDump + job,
        promptTokens,
        outputTokens: random.integer(400, 800),
        blocks: Array.from({ length: Math.floor(promptTokens / blockTokens) }, (_, offset) => firstBlock + offset),
      };
    }),
  );
  return [...chat, ...jobs].sort((a, b) => a.atMs - b.atMs);
}
