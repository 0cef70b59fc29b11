// The term in which a coordinator calls a node: one that another has followed is refused, whatever it asks for.
import {
  InterceptingCall,
  type Interceptor,
  type Metadata,
  type ServerDuplexStream,
  type ServiceError,
} from "@grpc/grpc-js";
import { PomonaError } from "../core/errors.ts";
import { isClusterName } from "../core/ids.ts";
import type { GrpcService } from "./server.ts";
import { codeOf, toServiceError } from "./status.ts";

/** In the metadata of a call `CLUSTER/TERM`, in that of a refusal the highest term alone. */
const termKey = "pomona-term";

/** Of the lease that makes a coordinator the active one of its cluster. Grows whenever another one takes over. */
export type CoordinatorTerm = { readonly cluster: string; readonly term: number };

export type TermSource = {
  /** null without a lease: such a coordinator is never followed, and never refused. */
  readonly current: () => CoordinatorTerm | null;
  /** A node has heard of a coordinator with this higher term. Called before the call fails. */
  readonly onSuperseded: (term: number) => void;
};

/** Says the term with every call of a client. */
export function termInterceptor({ current, onSuperseded }: TermSource): Interceptor {
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, _listener, next) => {
        const own = current();
        if (own !== null) metadata.set(termKey, `${own.cluster}/${own.term}`);
        next(metadata, {
          onReceiveStatus: (status, pass) => {
            const highest = Number(textOf(status.metadata) ?? Number.NaN);
            if (codeOf(status.metadata) === "superseded" && Number.isSafeInteger(highest)) onSuperseded(highest);
            pass(status);
          },
        });
      },
    });
}

/**
 * The same service for coordinators whose term is not over; calls that name no term pass.
 * @param note is told each term that a call names, and returns the highest that was heard of its cluster.
 */
export function fencedByTerm(
  { definition, implementation }: GrpcService,
  note: (told: CoordinatorTerm) => number,
): GrpcService {
  const fenced = Object.entries(implementation).map(([name, handler]) => [name, fence(handler, note)]);
  return { definition, implementation: Object.fromEntries(fenced) };
}

/** Handlers of unary calls have a callback, those of streams none. */
type Handler = (call: ServerDuplexStream<unknown, unknown>, callback?: (error: ServiceError) => void) => void;

function fence(handler: unknown, note: (told: CoordinatorTerm) => number): Handler {
  // As grpc-js calls it; its own type says nothing of arguments.
  const handle = handler as Handler;
  return (call, callback) => {
    const refusal = refusalOf(call.metadata, note);
    if (refusal === null) handle(call, callback);
    else if (callback === undefined) call.emit("error", refusal);
    else callback(refusal);
  };
}

function refusalOf(metadata: Metadata, note: (told: CoordinatorTerm) => number): ServiceError | null {
  const text = textOf(metadata);
  if (text === null) return null;
  const told = parseTerm(text);
  if (told === null) return toServiceError(new PomonaError("invalid_request", `${termKey} must be CLUSTER/TERM`));
  const highest = note(told);
  if (highest <= told.term) return null;
  const message = `term ${told.term} is over: this node has heard of a coordinator with term ${highest}`;
  const error = toServiceError(new PomonaError("superseded", message));
  error.metadata.set(termKey, String(highest));
  return error;
}

function parseTerm(text: string): CoordinatorTerm | null {
  const [cluster = "", digits = "", ...more] = text.split("/");
  const term = /^\d+$/.test(digits) ? Number(digits) : Number.NaN;
  return more.length === 0 && isClusterName(cluster) && Number.isSafeInteger(term) ? { cluster, term } : null;
}

function textOf(metadata: Metadata): string | null {
  const value = metadata.get(termKey)[0];
  return typeof value === "string" ? value : null;
}
