// A plan of what would be: a supposed state, nodes that are asked about sources nobody knows yet, and the pool's decisions.
import { setDeployment } from "./core/deployments.ts";
import type { EffectOf } from "./core/effect.ts";
import { type InspectionOutcome, inspectSources, takeInspection } from "./core/model-sources.ts";
import type { PlacementReport, PlanRequest } from "./core/placement/placement-report.ts";
import { planPlacement } from "./core/placement-plan.ts";
import type { StepContext } from "./core/state.ts";
import { suppose } from "./core/suppose.ts";

type AskSource = (effect: EffectOf<"inspectModel">) => Promise<InspectionOutcome>;

/** Variants of a source whose headers are read, one after the other. */
const variantsTriedMax = 12;

/** Changes nothing of the context's state. @throws PomonaError `not_found` for a node or model that is not known. */
export async function planSupposed(
  context: StepContext,
  request: PlanRequest,
  askSource: AskSource,
): Promise<PlacementReport> {
  const supposed = suppose(context, request);
  // A source that leaves a variant open is asked about again for each that is tried.
  for (let round = 0; round < variantsTriedMax; round += 1) {
    if (!(await inspectSupposed(supposed, askSource))) break;
  }
  return planPlacement(supposed);
}

/** Returns whether anything was asked. */
async function inspectSupposed(supposed: StepContext, askSource: AskSource): Promise<boolean> {
  const asked = inspectSources(supposed).filter((effect) => effect.kind === "inspectModel");
  const answers = await Promise.all(
    asked.map(async (effect) => takeInspection(supposed, { ...effect, outcome: await askSource(effect) })),
  );
  for (const next of answers.flat()) {
    if (next.kind !== "pinModel") continue;
    const record = supposed.state.deployments.get(next.model)?.record;
    if (record !== undefined) setDeployment(supposed, { ...record, pinned: next.pinned });
  }
  return asked.length > 0;
}
