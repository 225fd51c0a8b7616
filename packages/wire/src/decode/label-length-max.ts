/** Characters of one label: what every agent and central can carry. */
export const LABEL_LENGTH_MAX = 256;
