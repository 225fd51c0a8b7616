/** A server that cannot be had on this machine, and why. */
export class StackUnavailable extends Error {}
