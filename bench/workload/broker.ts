/** A broker under load, in a process of its own, on this machine. */
export interface Broker {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}
