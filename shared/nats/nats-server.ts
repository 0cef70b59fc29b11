import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { PomonaError } from "../core/errors.ts";

export type NatsServerOptions = {
  /** JetStream's files go to `<stateDir>/jetstream`, configuration and log to `<stateDir>/nats`. */
  readonly stateDir: string;
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  /** Directories to look in for `nats-server`; those of PATH and the usual ones of package managers by default. */
  readonly searchPath?: readonly string[];
  /** How long it may take to become ready; 10,000 ms by default. */
  readonly startTimeoutMs?: number;
};

export type NatsServer = {
  /** nats://host:port; for a server bound to 0.0.0.0 the loopback address. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when the process has ended, by whatever cause. */
  readonly exited: Promise<void>;
  /** Ends it in order, after 5 s by force. */
  close(): Promise<void>;
};

const stopTimeoutMs = 5000;
const pollMs = 10;

// Debian installs into sbin, which the PATH of an ordinary user lacks; services on macOS get a PATH without Homebrew's.
const usualDirectories = ["/usr/local/bin", "/opt/homebrew/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin"];

// The server ends with its owner, even when that is killed: the watcher's `read` returns when the owner's end of the
// pipe closes. It runs in a process group of its own, so that Ctrl-C reaches it only through its owner, in order.
const script = 'exec 3<&0; (read -r _ <&3; kill -TERM $$) & exec 3<&-; exec "$0" -c "$1" </dev/null';

/** Where `nats-server` is; null when this machine has none. */
export function findNatsServer(searchPath: readonly string[] = defaultSearchPath()): string | null {
  for (const directory of searchPath) {
    const path = join(directory, "nats-server");
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here: the next directory may have it.
    }
  }
  return null;
}

/**
 * Starts a nats-server with JetStream on file storage and waits until it answers.
 * @throws PomonaError `setup_failed` with the fix: program missing, port taken, state directory not writable.
 */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const program = findNatsServer(options.searchPath);
  if (program === null) {
    const fix =
      "install it by `apt-get install nats-server` or `brew install nats-server`, or name a server by --nats-url";
    throw new PomonaError("setup_failed", `nats-server is not on this machine: ${fix}`);
  }
  const files = prepareFiles(options);
  const child = spawn("/bin/sh", ["-c", script, program, files.config], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  const exited = watchExit(child);
  const { pid } = child;
  if (pid === undefined) throw new PomonaError("setup_failed", `cannot start ${program} through /bin/sh`);
  const port = await waitUntilReady({ child, pid, files, options });
  const host = options.host === "0.0.0.0" ? "127.0.0.1" : options.host;
  return { url: `nats://${host}:${port}`, port, pid, exited, close: () => stop(child, exited) };
}

function defaultSearchPath(): readonly string[] {
  return [...(process.env["PATH"] ?? "").split(delimiter).filter((entry) => entry !== ""), ...usualDirectories];
}

type ServerFiles = { readonly directory: string; readonly config: string; readonly log: string };

function prepareFiles({ stateDir, host, port }: NatsServerOptions): ServerFiles {
  const directory = join(stateDir, "nats");
  const files = { directory, config: join(directory, "nats-server.conf"), log: join(directory, "nats-server.log") };
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    rmSync(files.log, { force: true });
    // JSON is a subset of the server's configuration language. No monitoring port: what Pomona does not need is not open.
    const config = {
      listen: `${host}:${port === 0 ? -1 : port}`,
      jetstream: { store_dir: stateDir },
      ping_interval: "2s",
      ping_max: 2,
      write_deadline: "2s",
      max_payload: 1024 * 1024,
      max_pending: 16 * 1024 * 1024,
      max_connections: 1024,
      ports_file_dir: directory,
      log_file: files.log,
      logfile_size_limit: 10 * 1024 * 1024,
    };
    writeFileSync(files.config, JSON.stringify(config, null, 2));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const fix = "make it writable for this user, or choose another with --state-dir";
    throw new PomonaError("setup_failed", `cannot write the state directory ${stateDir} (${reason}): ${fix}`);
  }
  return files;
}

function watchExit(child: ChildProcess): Promise<void> {
  // The owner may be told of the end by a broken pipe as well; `exit` says it better.
  child.stdin?.on("error", () => {});
  return new Promise((resolve) => {
    const finish = (): void => {
      endGroup(child.pid);
      resolve();
    };
    child.once("exit", finish);
    child.once("error", finish);
  });
}

/** Ends the watcher, which would wait for its owner's end for ever. Its group id cannot be taken by others before. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group is gone already.
  }
}

type Starting = {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly files: ServerFiles;
  readonly options: NatsServerOptions;
};

async function waitUntilReady({ child, pid, files, options }: Starting): Promise<number> {
  const { startTimeoutMs = 10_000 } = options;
  const until = performance.now() + startTimeoutMs;
  while (performance.now() < until) {
    const port = readPortsFile(files.directory, pid);
    if (port !== null) return port;
    if (child.exitCode !== null || child.signalCode !== null) throw startError(files.log, options);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  endGroup(pid);
  throw new PomonaError("setup_failed", `nats-server was not ready within ${startTimeoutMs} ms: see ${files.log}`);
}

/** The server writes `nats-server_<pid>.ports` when it listens. */
function readPortsFile(directory: string, pid: number): number | null {
  const name = readdirSync(directory).find((entry) => entry.endsWith(`_${pid}.ports`));
  if (name === undefined) return null;
  const match = /"nats"\s*:\s*\[\s*"nats:\/\/[^"]*:(\d+)"/.exec(readFileSync(join(directory, name), "utf8"));
  return match === null ? null : Number(match[1]);
}

function startError(logPath: string, { host, port }: NatsServerOptions): PomonaError {
  const lines = readLog(logPath).filter((line) => /\[(FTL|ERR)\]/.test(line));
  if (lines.some((line) => line.includes("address already in use"))) {
    const fix = "end the program that holds it, or name another one";
    return new PomonaError("setup_failed", `NATS port ${port} on ${host} is already in use: ${fix}`);
  }
  const reason = lines.at(-1)?.replace(/^.*\[(FTL|ERR)\] */, "") ?? "it said nothing";
  return new PomonaError("setup_failed", `nats-server ended at its start (${reason}): see ${logPath}`);
}

function readLog(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch {
    return [];
  }
}

async function stop(child: ChildProcess, exited: Promise<void>): Promise<void> {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  await exited;
  clearTimeout(timer);
  child.stdin?.destroy();
}
