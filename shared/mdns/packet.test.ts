import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isOnLink } from "./interfaces.ts";
import { readObservations } from "./packet.ts";

const type = "pomona-node";
const fqdn = "n1._pomona-node._tcp.local";
const pointer = { name: "_pomona-node._tcp.local", type: "PTR", ttl: 28_800, data: fqdn };

test("a response is read whether its parts are answers or additionals", () => {
  const srv = { name: fqdn, type: "SRV", ttl: 120, data: { port: 8486, target: "n1.local" } };
  const txt = {
    name: fqdn,
    type: "TXT",
    ttl: 4500,
    data: [Buffer.from("free=a=b"), Buffer.from("flag"), Buffer.from("")],
  };
  const expected = [{ name: "n1", port: 8486, txt: { free: "a=b" }, isGoodbye: false }];
  assert.deepEqual(readObservations({ answers: [pointer], additionals: [srv, txt] }, type), expected);
  assert.deepEqual(readObservations({ answers: [txt, srv, pointer] }, type), expected);
});

test("a pointer with no time to live is a goodbye", () => {
  const [goodbye] = readObservations({ answers: [{ ...pointer, ttl: 0 }] }, type);
  assert.equal(goodbye?.isGoodbye, true);
});

test("other types, hostile names and ports out of range are left out", () => {
  const answers = [
    { ...pointer, name: "_http._tcp.local", data: "x._http._tcp.local" },
    { ...pointer, data: "../etc._pomona-node._tcp.local" },
    { ...pointer, data: `${"n".repeat(64)}._pomona-node._tcp.local` },
  ];
  assert.deepEqual(readObservations({ answers }, type), []);
  const srv = { name: fqdn, type: "SRV", ttl: 120, data: { port: 70_000, target: "n1.local" } };
  assert.equal(readObservations({ answers: [srv] }, type)[0]?.port, null);
});

test("nothing that a decoder may hand over makes the reader throw", () => {
  const record = fc.record(
    {
      name: fc.oneof(fc.constant(fqdn), fc.constant(pointer.name), fc.anything()),
      type: fc.oneof(fc.constantFrom("PTR", "SRV", "TXT"), fc.anything()),
      ttl: fc.oneof(fc.nat(), fc.anything()),
      data: fc.oneof(fc.constant(fqdn), fc.uint8Array(), fc.array(fc.uint8Array()), fc.anything()),
    },
    { requiredKeys: [] },
  );
  const packet = fc.oneof(fc.anything(), fc.record({ answers: fc.array(record), additionals: fc.array(record) }));
  fc.assert(fc.property(packet, (value) => readObservations(value, type).length >= 0));
});

test("only senders of the interface's own network are neighbours", () => {
  const entry = { name: "eth0", address: "192.168.1.7", netmask: "255.255.255.0", mac: "" };
  assert(isOnLink("192.168.1.250", entry));
  assert(!isOnLink("192.168.2.7", entry));
  assert(!isOnLink("127.0.0.1", entry));
  assert(isOnLink("127.0.0.1", { ...entry, address: "127.0.0.1", netmask: "255.0.0.0" }));
});
