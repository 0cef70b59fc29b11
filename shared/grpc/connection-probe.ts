// Asks the other end of a call's connection whether it has read all that was sent.
import type { ServerWritableStream } from "@grpc/grpc-js";

/** The part of an HTTP/2 session that is used. */
type Session = { readonly destroyed: boolean; ping(callback: (error: Error | null) => void): boolean };

type Probe = { isUnderWay: boolean; readonly waiting: ((isRead: boolean) => void)[] };

/** Node lets ten pings of a session be under way, so that one stands for all who ask while another is. */
const probes = new WeakMap<Session, Probe>();

/**
 * Resolves when the process at the other end has read what was sent before, or the connection is lost, which is false.
 * It answers pings in order with all the rest; an answer says nothing of what the process does with it.
 */
export function isReadByPeer<Request, Response>(call: ServerWritableStream<Request, Response>): Promise<boolean> {
  const session = sessionOf(call);
  if (session === undefined || session.destroyed) return Promise.resolve(false);
  const probe = probes.get(session) ?? { isUnderWay: false, waiting: [] };
  probes.set(session, probe);
  return new Promise((resolve) => {
    probe.waiting.push(resolve);
    if (!probe.isUnderWay) send(session, probe);
  });
}

function send(session: Session, probe: Probe): void {
  const asking = probe.waiting.splice(0);
  const settle = (isRead: boolean): void => {
    for (const resolve of asking) resolve(isRead);
    probe.isUnderWay = probe.waiting.length > 0;
    if (probe.isUnderWay) send(session, probe);
  };
  probe.isUnderWay = true;
  try {
    session.ping((error) => settle(error === null));
  } catch {
    // The session was destroyed meanwhile.
    settle(false);
  }
}

/** grpc-js has no way to the connection; these members are its own, of the version that is pinned. */
function sessionOf(call: object): Session | undefined {
  const { call: inner } = call as { readonly call?: { readonly stream?: { readonly session?: Session } } };
  return inner?.stream?.session;
}
