/** Of queries over HTTP that ask for groups; any other parameter of theirs is a label. */
export const QUERY_PARAMETERS = {
  "/api/v1/windows": ["window", "from", "to", "limit", "cursor"],
  "/api/v1/series": ["metric", "by", "from", "to", "step", "maxPoints", "values", "limit", "cursor"],
} as const satisfies Readonly<Record<string, readonly string[]>>;
