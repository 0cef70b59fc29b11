/** Figures of the contract that more than one process relies on. */
export const defaultPorts = { http: 8484, coordinatorGrpc: 8485, nodeGrpc: 8486, nats: 8487 } as const;

/** Slots of a replica where the deployment names none. */
export const defaultSlots = 4;

/** Context of a slot where the deployment names none: the smaller of this and the trained one. */
export const defaultContextLengthMax = 8192;

export const heartbeatIntervalMs = 500;
export const metricsIntervalMs = 5000;

/** Coordinator to node gRPC keepalive: a hang or a partition is noticed in about 0.8 s. */
export const nodeKeepaliveMs = 400;
export const nodeKeepaliveTimeoutMs = 400;

/** mDNS service types, without the leading underscore and the protocol. */
export const nodeServiceType = "pomona-node";
export const coordinatorServiceType = "pomona";
