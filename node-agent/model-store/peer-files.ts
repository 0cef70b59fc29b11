// What a pull needs of other nodes. Types only, so that it knows no wire.

export type ChunkRequest = {
  readonly digest: string;
  readonly offset: number;
  readonly length: number;
};

export type ChunkAnswer =
  | { readonly kind: "chunk"; readonly digestSoFar: Uint8Array; readonly heldBytes: number }
  /** It sends to somebody else. */
  | { readonly kind: "busy"; readonly heldBytes: number }
  | { readonly kind: "notHeld"; readonly heldBytes: number };

export type PieceReader = {
  readonly signal: AbortSignal;
  /** In order; nothing more comes while the promise is pending. */
  readonly onPiece: (piece: Uint8Array) => Promise<void>;
};

/** Other nodes, by host:port of their Node service. */
export type PeerFiles = {
  /** @throws PomonaError `not_found`, `node_lost`, `transfer_failed` when nothing comes for a while, ... */
  read(address: string, request: ChunkRequest, reader: PieceReader): Promise<ChunkAnswer>;
  /** How much of the file the node can send, once it is more than up to the offset, or after half a second. */
  probe(address: string, request: Omit<ChunkRequest, "length">, signal: AbortSignal): Promise<number>;
  /** Tells a node that what it sent was not what its digest says. */
  doubt(address: string, digest: string): void;
};
