// Writes the TypeScript types of proto/pomona/v1/*.proto into proto/generated.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const proto = join(root, "proto");
const outDir = process.argv[2] ?? join(proto, "generated");
const generator = createRequire(join(proto, "package.json")).resolve(
  "@grpc/proto-loader/build/bin/proto-loader-gen-types.js",
);
const files = readdirSync(join(proto, "pomona/v1"))
  .filter((name) => name.endsWith(".proto"))
  .sort()
  .map((name) => `pomona/v1/${name}`);

rmSync(outDir, { recursive: true, force: true });
execFileSync(
  process.execPath,
  [
    generator,
    "--longs=Number",
    "--enums=String",
    "--defaults",
    "--oneofs",
    "--includeComments",
    "--grpcLib=@grpc/grpc-js",
    "--inputTemplate=%s",
    "--outputTemplate=%s__Output",
    "--importFileExtension=.ts",
    `--includeDirs=${proto}`,
    `--outDir=${outDir}`,
    ...files,
  ],
  { cwd: proto, stdio: ["ignore", "ignore", "inherit"] },
);

// The generator writes absolute paths of this machine into its headers: keep only the file's place in proto/.
for (const entry of readdirSync(outDir, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath, entry.name);
  writeFileSync(path, readFileSync(path, "utf8").replaceAll(`${proto}/`, ""));
}
