// A process of its own, for LevelDB may end it: prints all that the store at argv[2] holds, as an agent would read it; repaired
// where that is asked for, as the agent does.
import { LevelStore } from "@millrace/queue";
import { MillraceError } from "@millrace/runtime";

const store = await LevelStore.open({ path: process.argv[2], kind: "agent", version: 2, pid: process.pid });

async function read(): Promise<readonly (readonly [string, string])[]> {
  const entries: [string, string][] = [];
  for await (const { key, value } of store.range({ from: Uint8Array.of(1), to: Uint8Array.of(255) }))
    entries.push([Buffer.from(key).toString("latin1"), Buffer.from(value).toString("base64")]);
  return entries;
}

async function readRepairing(): Promise<readonly (readonly [string, string])[]> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    await store.repair();
    return read();
  }
}

const entries = await readRepairing();
const { hasLostCommits } = store;
await store.close();
process.stdout.write(JSON.stringify({ entries, hasLostCommits }));
