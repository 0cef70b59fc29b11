import type { StatesPort } from "@pomona/node-agent/node-port";
import { PomonaError } from "@pomona/shared/core/errors";

const refuse = (): Promise<never> =>
  Promise.reject(new PomonaError("failed_precondition", "this node moves no states"));

/** Of a node that neither sends nor holds states. */
export const noStates: StatesPort = { hold: refuse, send: refuse };
