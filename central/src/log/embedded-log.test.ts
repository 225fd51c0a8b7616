// Central's own store as the log: the contract of all logs.
import { logContract } from "./log-contract.test-support.ts";

logContract(() => Promise.resolve(() => undefined));
