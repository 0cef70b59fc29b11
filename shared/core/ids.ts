/** First 32 hex digits of the SHA-256 of the node's public key. */
export type NodeId = string;
/** 128 random bits as 32 hex digits, made by the coordinator. */
export type RequestId = string;
/** Names one loading of a model on a node; never used twice. */
export type ReplicaId = string;
/** Whose request it is: the name of a key, or empty without keys. */
export type TenantId = string;
/** What clients call a model by. */
export type ModelName = string;

/** Whether a text is a node or request id: 32 lower-case hex digits. */
export function isHexId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

/** Model names of the threat table: letters, digits and `_ . - : /`, 128 at most, no `..`. */
export function isModelName(text: string): boolean {
  return /^[A-Za-z0-9][\w.\-:/]{0,127}$/.test(text) && !text.includes("..");
}

/** Cluster names as they stand in mDNS records and NATS subjects. */
export function isClusterName(text: string): boolean {
  return /^[a-z0-9-]{1,32}$/.test(text);
}
