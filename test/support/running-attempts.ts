import { createNodeClient } from "@pomona/shared/grpc/client";
import type { PoolAddresses } from "./running-pool.ts";

/** Attempts that hold a slot, asked of the node-agents themselves. */
export async function runningAttempts({ nodes }: Pick<PoolAddresses, "nodes">): Promise<number> {
  const counts = await Promise.all(nodes.map(({ grpc }) => runningOn(grpc)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function runningOn(address: string): Promise<number> {
  const client = createNodeClient(address);
  try {
    return await new Promise((resolve, reject) => {
      client.listReplicas({}, (error, answer) => {
        if (answer === undefined) reject(error ?? new Error("no answer"));
        else resolve(answer.replicas.reduce((sum, replica) => sum + replica.running.length, 0));
      });
    });
  } finally {
    client.close();
  }
}
