// What a machine says of its free memory.

export type MemoryReading = {
  /** Bytes that new programs can have without others being swapped out. */
  readonly availableBytes: number;
  /** Whether file pages that a running engine has mapped, and needs, are among them. */
  readonly countsMappedFiles: boolean;
};
