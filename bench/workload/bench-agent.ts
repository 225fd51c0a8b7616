/** Who the agent of a benchmark is, at central too. */
export const BENCH_AGENT = { agent: "alpha-1", site: "alpha", password: "password of alpha-1" } as const;
