// The parts of DNS messages that service discovery needs, read from what the dns-packet library decoded.

/** What one response said of one service instance; null where it said nothing. */
export type Observation = {
  readonly name: string;
  readonly port: number | null;
  readonly txt: Readonly<Record<string, string>> | null;
  readonly isGoodbye: boolean;
};

const recordsMax = 512;
const txtEntriesMax = 64;

/** `_pomona-node._tcp.local` */
export function typeDomain(type: string): string {
  return `_${type}._tcp.local`;
}

/** What a response says of the instances of a type. Whatever is malformed in it is left out. */
export function readObservations(packet: unknown, type: string): readonly Observation[] {
  const suffix = `.${typeDomain(type)}`;
  const found = new Map<string, Observation>();
  for (const record of recordsOf(packet)) {
    const isPointer = record.type === "PTR" && record.name.toLowerCase() === typeDomain(type);
    const domain = isPointer ? record.data : record.name;
    if (typeof domain !== "string" || !domain.toLowerCase().endsWith(suffix)) continue;
    const name = domain.slice(0, -suffix.length);
    if (!isInstanceName(name)) continue;
    const known = found.get(name) ?? { name, port: null, txt: null, isGoodbye: false };
    found.set(name, { ...known, ...readRecord(record, isPointer) });
  }
  return [...found.values()];
}

/** Instance names: letters, digits and dashes, 63 at most (a DNS label). Pomona's are node ids. */
export function isInstanceName(name: string): boolean {
  return /^[A-Za-z0-9-]{1,63}$/.test(name);
}

type DnsRecord = { readonly name: string; readonly type: string; readonly ttl: number; readonly data: unknown };

function recordsOf(packet: unknown): readonly DnsRecord[] {
  if (!isObject(packet)) return [];
  const lists = [packet["answers"], packet["additionals"]].filter(Array.isArray);
  const records: readonly unknown[] = lists.flat().slice(0, recordsMax);
  return records.flatMap((record) => {
    if (!isObject(record)) return [];
    const { name, type, ttl, data } = record;
    return typeof name === "string" && typeof type === "string" ? [{ name, type, ttl: Number(ttl ?? 0), data }] : [];
  });
}

function readRecord(record: DnsRecord, isPointer: boolean): Partial<Observation> {
  if (isPointer) return record.ttl === 0 ? { isGoodbye: true } : {};
  if (record.ttl === 0) return {};
  if (record.type === "SRV" && isObject(record.data)) {
    const port = Number(record.data["port"]);
    return Number.isInteger(port) && port > 0 && port < 65536 ? { port } : {};
  }
  return record.type === "TXT" ? { txt: readTxt(record.data) } : {};
}

function readTxt(data: unknown): Readonly<Record<string, string>> {
  const entries: readonly unknown[] = (Array.isArray(data) ? data : [data]).slice(0, txtEntriesMax);
  const pairs = entries.flatMap((entry): readonly (readonly [string, string])[] => {
    const text = entry instanceof Uint8Array ? new TextDecoder().decode(entry) : "";
    const [, key, value] = /^([\x20-\x3c\x3e-\x7e]{1,64})=(.*)$/s.exec(text) ?? [];
    return key === undefined || value === undefined ? [] : [[key, value]];
  });
  return Object.fromEntries(pairs);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
