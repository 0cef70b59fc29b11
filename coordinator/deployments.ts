// What the options say should run.
import { type DeploymentSpec, defaultDeployment } from "@pomona/shared/core/deployment";
import type { ModelOption } from "./config.ts";

export function specOfOption({ name, ...option }: ModelOption): DeploymentSpec {
  return { ...defaultDeployment, ...option, model: name };
}
