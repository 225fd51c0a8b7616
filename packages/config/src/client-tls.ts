/** PEM texts of what a client trusts and shows; null inside: the system's authorities, and no certificate of its own. */
export interface ClientTls {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}
