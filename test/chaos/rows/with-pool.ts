import { ChaosPool, type ChaosPoolOptions } from "../pool.ts";

/** A pool for one row: closed whatever happens. */
export async function withPool<Result>(
  options: ChaosPoolOptions,
  use: (pool: ChaosPool) => Promise<Result>,
): Promise<Result> {
  const pool = await ChaosPool.start(options);
  try {
    return await use(pool);
  } finally {
    await pool.close();
  }
}
