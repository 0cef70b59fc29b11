// A process of its own that advertises a record and browses its type. Standard output: one JSON line an event. Standard
// input: one JSON TXT record a line, to be announced. SIGTERM says goodbye and ends it.
import { createInterface } from "node:readline";
import { createDiscovery } from "@pomona/shared/mdns/create-discovery";
import type { ServiceRecord } from "@pomona/shared/mdns/discovery";
import { interfacesFor } from "@pomona/shared/mdns/interfaces";
import { createLogger } from "@pomona/shared/runtime/logger";

/** The only argument, as JSON. */
export type MdnsPeerOptions = {
  readonly host: string;
  readonly record: ServiceRecord;
  readonly queryMinMs: number;
  readonly queryMaxMs: number;
  readonly rescanMs: number;
};

const argument = process.argv[2];
if (argument === undefined) throw new Error("the only argument is MdnsPeerOptions as JSON");
// Written by the tests beside this file.
const options = JSON.parse(argument) as MdnsPeerOptions;
const discovery = createDiscovery({
  interfaces: interfacesFor(options.host),
  log: createLogger({ name: "mdns-peer", level: "warn" }),
  queryMinMs: options.queryMinMs,
  queryMaxMs: options.queryMaxMs,
  rescanMs: options.rescanMs,
});
const advertisement = discovery.advertise(options.record);
discovery.browse(options.record.type, (event) => process.stdout.write(`${JSON.stringify(event)}\n`));
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => advertisement.updateTxt(JSON.parse(line) as Record<string, string>));
process.once("SIGTERM", () => {
  lines.close();
  void discovery.close().then(() => process.exit(0));
});
