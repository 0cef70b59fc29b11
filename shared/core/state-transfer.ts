// How fast states of running requests may go from node to node.

/** Of all processors of a machine: what is generated there can lose no more. */
const processorShare = 0.05;
/** What a byte costs the sender, or the receiver, with gRPC, checksum and file; see docs/benchmarks.md. */
const processorSecondsPerByte = 2e-9;

/** Bytes per second that a node sends, or takes. */
export function stateBytesPerSecond(cpuCores: number): number {
  return (processorShare * Math.max(1, cpuCores)) / processorSecondsPerByte;
}
