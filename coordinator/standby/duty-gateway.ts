// The gateway of a process that may be active or not: what comes while it is not is told to try again.
import type { Gateway } from "../gateway.ts";
import { type Duty, noActiveCoordinator } from "./duty.ts";

export type DutyGatewayDependencies = {
  /** null for a standby. */
  readonly active: () => Gateway | null;
  readonly duty: () => Duty;
  /** Prometheus text exposition of a standby. */
  readonly standbyMetricsText: () => Promise<string>;
};

export function dutyGateway({ active, duty, standbyMetricsText }: DutyGatewayDependencies): Gateway {
  const gateway = (): Gateway => {
    const found = active();
    if (found === null) throw noActiveCoordinator();
    return found;
  };
  return {
    generate: async (request, caller) => await gateway().generate(request, caller),
    attach: (...call) => gateway().attach(...call),
    cancel: (request) => gateway().cancel(request),
    tokenize: async (...call) => await gateway().tokenize(...call),
    embed: async (...call) => await gateway().embed(...call),
    rank: async (...call) => await gateway().rank(...call),
    explain: (requestId) => gateway().explain(requestId),
    models: () => gateway().models(),
    metricsText: () => active()?.metricsText() ?? standbyMetricsText(),
    countRefusal: (...refusal) => active()?.countRefusal(...refusal),
    readiness: () => {
      const now = duty();
      if (now.kind === "active") return gateway().readiness();
      if (now.active === null) return { isReady: false, reasons: ["no coordinator is active"] };
      return { isReady: true, reasons: [`standby of ${now.active.httpAddress}`] };
    },
  };
}
