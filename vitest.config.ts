import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    exclude: ["**/node_modules/**", "dist/**", "data/**", ".cache/**"],
    // Stores and sockets are held by a process; a fork each keeps them apart.
    pool: "forks",
    maxWorkers: 2,
    setupFiles: ["test/patience.ts"],
    // They end what hangs, also on a machine that is busy with other things.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    env: { NODE_ENV: "test" },
  },
});
