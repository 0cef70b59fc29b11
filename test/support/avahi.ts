import { execFile, spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { endProcess, type NamespaceHost } from "./network-namespaces.ts";
import { createTemporaryDirectory } from "./temporary-directory.ts";
import { waitFor } from "./wait-for.ts";

const run = promisify(execFile);

/** A line of `avahi-browse -rtp` that resolved. */
export type AvahiService = {
  readonly name: string;
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly txt: readonly string[];
};

export type Avahi = {
  /** What `avahi-browse -rtp TYPE` prints. */
  browse(type: string): Promise<readonly AvahiService[]>;
  close(): Promise<void>;
};

const busConfiguration = (socket: string): string => `<busconfig>
  <type>system</type>
  <listen>unix:path=${socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
`;

const daemonConfiguration = `[server]
use-ipv4=yes
use-ipv6=no
allow-interfaces=eth0
enable-dbus=yes
[publish]
publish-workstation=no
[reflector]
[rlimits]
`;

// The daemon's pid file and socket have fixed places: `ip netns exec` has made a mount namespace, which gets its own.
const isolate =
  'mount -t tmpfs tmpfs /run && mkdir /run/avahi-daemon && exec avahi-daemon --no-drop-root --no-chroot -f "$0"';

/** An avahi-daemon with a message bus of its own on one host: the independent peer. */
export async function startAvahi(host: NamespaceHost): Promise<Avahi> {
  const directory = createTemporaryDirectory("avahi");
  const [socket, busFile, daemonFile] = ["bus", "bus.conf", "avahi.conf"].map((name) => join(directory.path, name));
  if (socket === undefined || busFile === undefined || daemonFile === undefined)
    throw new Error("three names, three paths");
  writeFileSync(busFile, busConfiguration(socket));
  writeFileSync(daemonFile, daemonConfiguration);
  const environment = { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${socket}` };
  const start = (command: readonly string[]): ReturnType<typeof spawn> => {
    const [program = "ip", ...args] = [...host.prefix, ...command];
    return spawn(program, args, { env: environment, stdio: ["ignore", "ignore", "inherit"] });
  };
  const bus = start(["dbus-daemon", `--config-file=${busFile}`, "--nofork", "--nopidfile"]);
  const browse = async (type: string): Promise<readonly AvahiService[]> => {
    const [program = "ip", ...args] = [...host.prefix, "avahi-browse", "-rtp", type];
    const { stdout } = await run(program, args, { env: environment, timeout: 20_000 });
    return parse(stdout);
  };
  let daemon: ReturnType<typeof spawn> | null = null;
  const close = async (): Promise<void> => {
    if (daemon !== null) await endProcess(daemon);
    await endProcess(bus);
    directory.remove();
  };
  try {
    // A daemon that starts before its bus gives up at once.
    await waitFor(() => existsSync(socket), 10_000, "dbus-daemon listens");
    daemon = start(["sh", "-c", isolate, daemonFile]);
    const answers = (): Promise<boolean> =>
      browse("_none._tcp").then(
        () => true,
        () => false,
      );
    await waitFor(answers, 15_000, "avahi-daemon answers");
    return { browse, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** `=;eth0;IPv4;NAME;TYPE;local;HOST;ADDRESS;PORT;"TXT" "TXT"` */
function parse(stdout: string): readonly AvahiService[] {
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("="))
    .map((line) => {
      const [, , , name = "", , , host = "", address = "", port = "", ...txt] = line.split(";");
      const entries = [...txt.join(";").matchAll(/"([^"]*)"/g)].map(([, entry]) => entry ?? "");
      return { name, host, address, port: Number(port), txt: entries };
    });
}
