// Revisions in HTTP's own words: an entity tag that an edit can be made conditional on (RFC 9110, 8.8.3 and 13.1).
import type { IncomingHttpHeaders } from "node:http";
import { invalid } from "../requests/field.ts";

export function entityTag(revision: number): string {
  return `"${revision}"`;
}

/**
 * The revision that an edit is made from: that of `if-match`, 0 for `if-none-match: *`, null without either.
 * @throws PomonaError `invalid_request` that names the header.
 */
export function expectedRevision(headers: IncomingHttpHeaders): number | null {
  const [match, noneMatch] = [headers["if-match"], headers["if-none-match"]];
  if (noneMatch !== undefined) {
    if (noneMatch !== "*" || match !== undefined) throw invalid(["if-none-match"], "must be * and stand alone");
    return 0;
  }
  if (match === undefined) return null;
  const digits = /^(?:W\/)?"?(\d{1,16})"?$/.exec(match)?.[1];
  if (digits === undefined || !Number.isSafeInteger(Number(digits)))
    throw invalid(["if-match"], 'must be the revision of what is changed, as in its etag: "7"');
  return Number(digits);
}
