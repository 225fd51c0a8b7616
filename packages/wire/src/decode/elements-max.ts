/** Elements of one payload (of an array, lines, records) that are read; those beyond are counted as `too_many`. */
export const ELEMENTS_MAX = 10_000;
