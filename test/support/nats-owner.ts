// A process that owns a nats-server and does nothing else: tests kill it to see what becomes of the server. Its
// arguments are the state directory; it prints the server's process id.
import { startNatsServer } from "@pomona/shared/nats/nats-server";

const [, , stateDir] = process.argv;
if (stateDir === undefined) throw new Error("the only argument is the state directory");
const server = await startNatsServer({ stateDir, host: "127.0.0.1", port: 0 });
process.stdout.write(`${server.pid}\n`);
