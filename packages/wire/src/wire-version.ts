/** The version that this program writes. */
export const WIRE_VERSION = 1;

/** The versions that this program reads, best first: the current and, once there is one, the one before. */
export const WIRE_VERSIONS_READ: readonly number[] = [1];
