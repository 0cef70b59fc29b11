// Loads proto/pomona/v1 once and hands out typed service definitions, client constructors and message codecs.
import { fileURLToPath } from "node:url";
import { type GrpcObject, loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync, type Options, type PackageDefinition } from "@grpc/proto-loader";
import type { ProtoGrpcType as ClusterTypes } from "./generated/cluster.ts";
import type { ProtoGrpcType as InferenceTypes } from "./generated/inference.ts";
import type { ProtoGrpcType as NodeTypes } from "./generated/node.ts";

const protoRoot = fileURLToPath(new URL("..", import.meta.url));

/** uint64 as number (all of ours stay below 2^53), enums as names, absent scalars as their defaults. */
const options: Options = {
  keepCase: false,
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
  includeDirs: [protoRoot],
};

/** The package definition of everything in pomona.v1, for gRPC reflection. */
export const packageDefinition: PackageDefinition = loadSync(
  ["pomona/v1/inference.proto", "pomona/v1/cluster.proto", "pomona/v1/node.proto"],
  options,
);

type Types = ClusterTypes["pomona"]["v1"] & InferenceTypes["pomona"]["v1"] & NodeTypes["pomona"]["v1"];

function loadTypes(): Types {
  const loaded: GrpcObject = loadPackageDefinition(packageDefinition);
  // proto-loader types what it loads as a bare object; the generated types describe the same files.
  return (loaded as unknown as ClusterTypes & InferenceTypes & NodeTypes).pomona.v1 as Types;
}

/**
 * All services and messages of pomona.v1: `pomona.Node` is a client constructor with `.service`,
 * `pomona.NodeStatus` has `serialize(message)` and `deserialize(bytes)`, the codecs of NATS payloads.
 */
export const pomona: Types = loadTypes();
