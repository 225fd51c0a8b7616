import type { LoginFile, PasswordFile } from "../publish/login.ts";

/** Where a site's messages go. */
export type OutputPlan =
  /** `url`: `mqtt://host:port` of the site's agent or broker. */
  | {
      readonly kind: "mqtt";
      readonly url: string;
      readonly qos: 0 | 1 | 2;
      readonly login: PasswordFile | null;
    }
  /** `url`: of an agent's HTTP input. */
  | { readonly kind: "http"; readonly url: string; readonly login: LoginFile | null }
  | {
      readonly kind: "kafka";
      /** `host:port` of each that is asked first. */
      readonly brokers: readonly string[];
      readonly topic: string;
      /** Of a record: the MQTT topic that its message would have, or its machine. */
      readonly key: "topic" | "machine";
    }
  /** One file for each signal; after `rotateBytes` it gets `.1` at its end and a new one is begun. */
  | {
      readonly kind: "files";
      readonly folder: string;
      readonly rotateBytes: number;
      /** Of each file, those that were rotated. */
      readonly keep: number;
    };
