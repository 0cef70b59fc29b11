// Offers a node on the local network, with what a coordinator wants to know before it calls.
import { nodeServiceType } from "@pomona/shared/core/defaults";
import type { NodeStatus } from "@pomona/shared/core/node-status";
import type { Advertisement, Discovery } from "@pomona/shared/mdns/discovery";

/** A change of free memory by more than this share of the budget is announced (contract.md, mDNS). */
const announcedShare = 0.05;

/** Advertises one node and keeps its TXT record true. */
export class NodeAdvertiser {
  readonly #advertisement: Advertisement;
  #cluster: string;
  #announcedFree: number;

  constructor(discovery: Discovery, status: NodeStatus, node: { readonly cluster: string; readonly port: number }) {
    this.#cluster = node.cluster;
    this.#announcedFree = status.capacity.freeBytes;
    const txt = txtOf(status, node.cluster, node.port);
    this.#advertisement = discovery.advertise({ name: status.nodeId, type: nodeServiceType, port: node.port, txt });
    this.#port = node.port;
  }

  readonly #port: number;

  /** Announces what has changed enough to matter. */
  update(status: NodeStatus, cluster: string): void {
    const { freeBytes, budgetBytes } = status.capacity;
    const isNews =
      Math.abs(freeBytes - this.#announcedFree) > announcedShare * budgetBytes || cluster !== this.#cluster;
    if (!isNews) return;
    this.#announcedFree = freeBytes;
    this.#cluster = cluster;
    this.#advertisement.updateTxt(txtOf(status, cluster, this.#port));
  }
}

/** The TXT record of contract.md. `fp` follows with TLS. */
function txtOf(status: NodeStatus, cluster: string, port: number): Record<string, string> {
  const { memoryBytes, budgetBytes, freeBytes, chip, gpu } = status.capacity;
  return {
    v: "1",
    id: status.nodeId,
    cluster,
    mem: String(memoryBytes),
    budget: String(budgetBytes),
    free: String(freeBytes),
    chip: chip.slice(0, 100),
    gpu,
    grpc: String(port),
  };
}
