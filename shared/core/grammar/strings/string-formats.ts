// Formats of JSON Schema (2020-12, validation section 7.3) as patterns. Each matches only texts of its format; some of
// them not all, where a length or a rare form would make them large.

const hour = "(?:[01]\\d|2[0-3])";
const clock = `${hour}:[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-]${hour}:[0-5]\\d)`;
const leapYear = "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";
const monthAndDay =
  "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))";
const day = `(?:\\d{4}-${monthAndDay}|${leapYear}-02-29)`;

const label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,28}[A-Za-z0-9])?";
const host = `${label}(?:\\.${label}){0,6}`;
const mailbox = "[A-Za-z0-9_%+-]{1,30}(?:\\.[A-Za-z0-9_%+-]{1,30})?";

const octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const group = "[0-9A-Fa-f]{1,4}";
/** Eight groups, or fewer with one `::`: RFC 4291, section 2.2, without embedded IPv4 addresses. */
const ipv6 = Array.from({ length: 8 }, (_, before) => {
  const head = before === 0 ? "" : `${group}(?::${group}){${before - 1}}`;
  return before === 7 ? `${head}:(?:${group}|:)` : `${head}::(?:${group}(?::${group}){0,${6 - before}})?`;
}).join("|");

const count = "\\d{1,9}";
const hours = `(?:${count}H(?:${count}M(?:${count}S)?)?|${count}M(?:${count}S)?|${count}S)`;
const days = `(?:${count}Y(?:${count}M(?:${count}D)?)?|${count}M(?:${count}D)?|${count}D)`;

const pathCharacter = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";
const queryCharacter = "(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})";
const authority = `//${host}(?::\\d{1,5})?(?:/${pathCharacter}*)*`;

/** Patterns of the formats of strings that are enforced. */
export const stringFormats: ReadonlyMap<string, string> = new Map([
  // RFC 3339, section 5.6, with real days and without leap seconds.
  ["date", `^${day}$`],
  ["time", `^${clock}$`],
  ["date-time", `^${day}T${clock}$`],
  // RFC 3339, appendix A.
  ["duration", `^P(?:${count}W|${days}(?:T${hours})?|T${hours})$`],
  // RFC 9562, section 4.
  ["uuid", "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"],
  // RFC 5321, section 4.1.2: unquoted, with a name as domain.
  ["email", `^${mailbox}@${label}(?:\\.${label}){1,3}$`],
  // RFC 1123, section 2.1.
  ["hostname", `^${host}$`],
  // RFC 2673, section 3.2.
  ["ipv4", `^${octet}(?:\\.${octet}){3}$`],
  ["ipv6", `^(?:${ipv6})$`],
  // RFC 3986, section 3: with a host name, or without an authority.
  [
    "uri",
    `^[A-Za-z][A-Za-z0-9+.-]{0,30}:(?:${authority}|${pathCharacter}+(?:/${pathCharacter}*)*)(?:\\?${queryCharacter}*)?(?:#${queryCharacter}*)?$`,
  ],
]);
