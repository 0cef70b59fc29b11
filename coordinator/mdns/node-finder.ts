// Finds node-agents of this cluster on the local network, and says that the coordinator is here.
import { coordinatorServiceType, nodeServiceType } from "@pomona/shared/core/defaults";
import { hostAndPort } from "@pomona/shared/grpc/address";
import type { Discovery } from "@pomona/shared/mdns/discovery";

export type NodeFinderDependencies = {
  readonly discovery: Discovery;
  readonly id: string;
  readonly cluster: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  /** Called with host:port of a node that may be new. */
  readonly onAddress: (address: string) => void;
  /** Called when such an address is said to be gone. */
  readonly onGone: (address: string) => void;
};

/** mDNS is a hint for addresses only: a node lives by its heartbeats. Returns how to stop browsing. */
export function findNodes(dependencies: NodeFinderDependencies): () => void {
  const { discovery, id, cluster, grpcPort, httpPort } = dependencies;
  const txt = { v: "1", id, cluster, grpc: String(grpcPort), http: String(httpPort) };
  discovery.advertise({ name: id, type: coordinatorServiceType, port: grpcPort, txt });
  const addresses = new Map<string, string>();
  return discovery.browse(nodeServiceType, (event) => {
    if (event.kind === "down") {
      const address = addresses.get(event.name);
      addresses.delete(event.name);
      if (address !== undefined) dependencies.onGone(address);
      return;
    }
    const { service } = event;
    if (service.txt["cluster"] !== cluster) return;
    const address = hostAndPort(service.address, service.port);
    if (addresses.get(service.name) === address) return;
    addresses.set(service.name, address);
    dependencies.onAddress(address);
  });
}
