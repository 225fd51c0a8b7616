import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    exclude: ["**/node_modules/**", "dist/**", "data/**", ".cache/**"],
    // Stores and sockets are held by a process; a fork each keeps them apart.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    env: { NODE_ENV: "test" },
  },
});
