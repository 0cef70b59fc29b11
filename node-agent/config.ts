import { defaultPorts } from "@pomona/shared/core/defaults";
import { isClusterName } from "@pomona/shared/core/ids";
import { logLevels } from "@pomona/shared/runtime/logger";
import { z } from "zod";

/** Settings of a node-agent. */
export const nodeAgentSchema = z.strictObject({
  stateDir: z.string().min(1),
  host: z.string().min(1).default("127.0.0.1"),
  /** 0 means any free port. */
  grpcPort: z.number().int().min(0).max(65_535).default(defaultPorts.nodeGrpc),
  /** host:port of coordinators; without any, one is looked for by multicast DNS. */
  peers: z.array(z.string().min(1)).max(16).default([]),
  /** null means the one kept in the state directory, else that of the first coordinator found. */
  cluster: z.string().refine(isClusterName, "a cluster name is 1 to 32 of a-z, 0-9 and -").nullable().default(null),
  /**
   * Bytes that models may use; null means the machine's memory less 6 GB or a quarter, whichever is more, and on Macs no
   * more than what Metal recommends.
   */
  budgetBytes: z.number().int().min(0).nullable().default(null),
  /** Bytes of the budget that are kept for other things. */
  reservedBytes: z.number().int().min(0).default(0),
  /** While somebody uses the machine, models may use a share of the budget; null makes no difference. */
  ownerMode: z
    .strictObject({
      /** The owner is away after so long without keyboard, mouse or trackpad. */
      idleAfterMs: z.number().int().min(1000).max(86_400_000).default(300_000),
      budgetShare: z.number().min(0).max(1).default(0.5),
    })
    .nullable()
    .default(null),
  /** Processor cores that engines may use; null means all but one. */
  threads: z.number().int().min(1).max(1024).nullable().default(null),
  /** Most that saved sequence states of one model take on disk; 0 keeps none there. */
  stateDiskBytes: z.number().int().min(0).default(8e9),
  /** Most that is written of them in 24 hours: flash memory wears out. */
  stateDiskWriteBytesPerDay: z.number().int().min(0).default(40e9),
  /** Most that states of other nodes' requests take on disk; 0 takes none. */
  stateReceivedBytes: z.number().int().min(0).default(4e9),
  /** Bytes per second that model files may take, each way; null is no limit. */
  transferBytesPerSecond: z.number().int().min(1_000_000).nullable().default(null),
  /** The same while something is generated on this node. */
  transferBytesPerSecondBusy: z.number().int().min(1_000_000).default(20_000_000),
  /** A source or a node that sends nothing for so long has failed. */
  transferStallMs: z.number().int().min(100).max(600_000).default(20_000),
  /** Allows sources of models in private networks and without encryption. */
  allowsPrivateSources: z.boolean().default(false),
  mdns: z.boolean().default(true),
  /** Allows an address beyond loopback without keys and encryption. */
  isInsecure: z.boolean().default(false),
  engine: z.enum(["llama", "simulated"]).default("llama"),
  logLevel: z.enum(logLevels).default("info"),
});

export type NodeAgentOptions = z.output<typeof nodeAgentSchema>;
