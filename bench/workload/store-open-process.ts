// Opens the store that it is told, and says so: what no program that keeps its state there can be faster than.
import { LevelStore } from "@millrace/queue";
import { CENTRAL_STORE_FORMAT } from "../../central/src/state/central-state.ts";

const [path] = process.argv.slice(2);
await LevelStore.open({ path, kind: "central", version: CENTRAL_STORE_FORMAT, pid: process.pid });
process.send?.("open");
process.channel?.ref();
process.on("SIGTERM", () => process.exit(0));
