/** Of a plan's records: as many at night as at noon, so that a test asks for as many whenever it runs. */
export const FLAT_DAY = `daily: [${Array.from({ length: 24 }, () => 1).join(", ")}]`;
