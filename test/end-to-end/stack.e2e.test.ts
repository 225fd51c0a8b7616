// `npm run stack`: safe to repeat, ready when it says so, and down ends nothing that is not its own.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { redisProgram } from "../../scripts/stack/redis-program.ts";
import { Works } from "./works.ts";

const SCRIPT = join(import.meta.dirname, "../../scripts/stack.ts");

test(
  "up, status and down of Redis, each twice; what it held is kept",
  { timeout: 240_000 },
  async ({ skip }) => {
    try {
      redisProgram();
    } catch {
      return skip("needs redis-server (apt install redis-tools)");
    }
    const works = new Works();
    const port = await works.freePort();
    const stack = (verb: string) => {
      const args = [SCRIPT, verb, "redis", "--redis-port", String(port), "--folder", works.path("stack")];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
      return { status, said: `${stdout}${stderr}` };
    };
    works.atEnd(() => void stack("down"));
    const value = async (work: (redis: Redis) => Promise<unknown>) => {
      const redis = new Redis({ port });
      const answer = await work(redis);
      redis.disconnect();
      return answer;
    };
    expect(stack("down")).toEqual({ status: 0, said: "redis does not run\n" });
    expect(stack("up")).toMatchObject({
      status: 0,
      said: expect.stringContaining(`is up at 127.0.0.1:${port}`),
    });
    // At once: it is ready.
    await value((redis) => redis.set("kept", "yes"));
    expect(stack("up")).toMatchObject({ status: 0, said: expect.stringContaining("runs already") });
    expect(stack("status").said).toContain(`runs at 127.0.0.1:${port}`);
    expect(stack("down")).toEqual({ status: 0, said: "redis is down\n" });
    expect(stack("status").said).toBe("redis does not run\n");
    expect(stack("up").status).toBe(0);
    expect(await value((redis) => redis.get("kept"))).toBe("yes");

    // Its number, after a restart of the machine, is another program's.
    const recordPath = works.path("stack/redis/data/running.json");
    const record = readFileSync(recordPath, "utf8");
    const stranger = spawn("sleep", ["60"]);
    works.atEnd(() => void stranger.kill("SIGKILL"));
    writeFileSync(recordPath, JSON.stringify({ ...JSON.parse(record), pid: stranger.pid }));
    expect(stack("down").said).toBe("redis does not run\n");
    expect(stranger.exitCode).toBeNull();
    expect(stranger.killed).toBe(false);
    writeFileSync(recordPath, record);
    expect(stack("down").said).toBe("redis is down\n");

    const other = createServer().listen(port, "127.0.0.1");
    works.atEnd(() => void other.close());
    await once(other, "listening");
    expect(stack("up")).toEqual({
      status: 1,
      said: `redis: fetching what is missing, starting\ncannot start Redis: port ${port} is taken; choose another\n`,
    });
  },
);
