// Writes every dashboard as JSON into the folder given as the only argument.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { poolDashboard } from "./pool-dashboard.ts";

const folder = process.argv[2];
if (folder === undefined) throw new Error("usage: write-dashboards FOLDER");
writeFileSync(join(folder, "pool.json"), `${JSON.stringify(poolDashboard(), null, 2)}\n`);
