/** A service seen or offered over mDNS. */
export type ServiceRecord = {
  /** Instance name: the node id, or the coordinator's. */
  readonly name: string;
  /** `pomona-node` or `pomona`. */
  readonly type: string;
  readonly port: number;
  readonly txt: Readonly<Record<string, string>>;
};

/** A service on the network. `address` is the sender's IPv4 address, to be preferred over what it says of itself. */
export type DiscoveredService = ServiceRecord & { readonly address: string };

export type DiscoveryEvent =
  | { readonly kind: "up"; readonly service: DiscoveredService }
  /** The TXT record, port or address changed. */
  | { readonly kind: "changed"; readonly service: DiscoveredService }
  /** Said goodbye, or missed three answers. */
  | { readonly kind: "down"; readonly name: string };

/** Offering and finding services on the local network. A hint for finding addresses, never a sign of life. */
export type Discovery = {
  /** Offers one service on every interface in use; one per instance. */
  advertise(record: ServiceRecord): Advertisement;
  /** Reports services of a type until the returned function is called; at most 256 are held. */
  browse(type: string, onEvent: (event: DiscoveryEvent) => void): () => void;
  /** Says goodbye for what is advertised, waits until it is sent (at most a second), and closes the sockets. */
  close(): Promise<void>;
};

export type Advertisement = {
  /** Announces a changed TXT record; at most once a second, the last one wins. */
  updateTxt(txt: Readonly<Record<string, string>>): void;
};
