// Sets a fresh clone up: checks Node, installs the npm packages and nats-server where they are missing, builds.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");
/** The clients of test/clients, with packages of their own: only the tests install them. */
const clients = join(root, "test/clients");

/** Says what is going on, on stderr, so that stdout stays for data. */
function say(text) {
  process.stderr.write(`pomona: ${text}\n`);
}

/** Ends the set-up with one line that says what to do. */
function fail(text) {
  say(text);
  process.exit(1);
}

/** Runs a program with its output on stderr; returns whether it succeeded. */
function run(program, args, cwd = root) {
  return spawnSync(program, args, { cwd, stdio: ["inherit", 2, 2] }).status === 0;
}

/** Whether a program is on the PATH. */
function hasProgram(name) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(`Node ${process.versions.node} is too old: install Node 20.19 or newer from https://nodejs.org, then try again`);
}

/** Does nothing where the folder's lock file has not changed since. */
function installPackages(folder, what) {
  const stampPath = join(folder, "node_modules", ".pomona-lock-hash");
  const lockHash = createHash("sha256")
    .update(readFileSync(join(folder, "package-lock.json")))
    .digest("hex");
  if (existsSync(stampPath) && readFileSync(stampPath, "utf8") === lockHash) return;
  say(`installing ${what}`);
  const flags = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
  if (!run("npm", ["ci", ...flags], folder)) {
    fail("npm ci failed: is the npm registry reachable? Then try again");
  }
  writeFileSync(stampPath, lockHash);
}

function aptCommand() {
  if (!hasProgram("apt-get")) return null;
  if (process.getuid?.() === 0) return ["apt-get"];
  return hasProgram("sudo") ? ["sudo", "apt-get"] : null;
}

function installNatsServer() {
  if (hasProgram("nats-server")) return;
  const apt = aptCommand();
  if (apt !== null) {
    say("nats-server is missing: installing it with apt-get");
    const [program, ...prefix] = apt;
    run(program, [...prefix, "update", "-qq"]);
    run(program, [
      ...prefix,
      "install",
      "-y",
      "-qq",
      "-o",
      "Dpkg::Use-Pty=0",
      "--no-install-recommends",
      "nats-server",
    ]);
  } else if (hasProgram("brew")) {
    say("nats-server is missing: installing it with Homebrew");
    run("brew", ["install", "nats-server"]);
  }
  if (!hasProgram("nats-server")) {
    fail(
      "nats-server is missing and could not be installed: get it from https://nats.io/download and put it on the PATH",
    );
  }
}

function build(...projects) {
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  if (!run(process.execPath, [compiler, "--build", ...projects])) fail("the build failed");
}

/** Everything that `npm start` and `npm test` need. Does nothing that is already done. */
export function setUp() {
  checkNode();
  installPackages(root, "the npm packages (about 400 MB once, development tools included)");
  installNatsServer();
  build();
}

/** What the tests with real clients need besides. */
export function installClients() {
  installPackages(clients, "the clients that the tests run (about 180 MB once)");
}

export function setUpClients() {
  installClients();
  build(clients);
}
