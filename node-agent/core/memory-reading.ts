// What a machine says of its free memory.

export type MemoryReading = {
  /** Bytes that new programs can have without others being swapped out. */
  readonly availableBytes: number;
  /** Whether file pages that a running engine has mapped, and needs, are among them. */
  readonly countsMappedFiles: boolean;
};

/** Linux, /proc/meminfo: MemAvailable (proc_meminfo(5)). The page cache, and so a mapped model, counts as available. */
export function parseMeminfo(text: string): MemoryReading | null {
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
  return kibibytes === undefined ? null : { availableBytes: Number(kibibytes) * 1024, countsMappedFiles: true };
}

/**
 * macOS, `memory_pressure -Q`: the share of memory that is neither wired nor compressed (AVAILABLE_NON_COMPRESSED_MEMORY
 * of XNU's osfmk/vm). It is generous, for what other programs use counts as free until it is compressed; Metal wires the
 * weights that are in use.
 */
export function parseMemoryPressure(text: string): MemoryReading | null {
  const total = /^The system has (\d+) /m.exec(text)?.[1];
  const percent = /^System-wide memory free percentage: (\d+)%$/m.exec(text)?.[1];
  if (total === undefined || percent === undefined || Number(percent) > 100) return null;
  return { availableBytes: Math.floor((Number(total) * Number(percent)) / 100), countsMappedFiles: false };
}
