// What a coordinator or node-agent that `pomona up` started tells it over their channel.

export type CoordinatorReady = {
  readonly kind: "ready";
  readonly http: string;
  readonly grpc: string;
  readonly pid: number;
};
export type AgentReady = {
  readonly kind: "ready";
  readonly id: string;
  readonly grpc: string;
  readonly pid: number;
  readonly stateDir: string;
};
export type StartFailed = { readonly kind: "failed"; readonly message: string; readonly exitCode: number };

/** Tells the process that started this one, if one listens. */
export function tellParent(message: CoordinatorReady | AgentReady | StartFailed): void {
  process.send?.(message);
}
