/** A record, or what goes with it in one request, is larger than the topic takes; nothing of the request's partition was taken. */
export class RecordTooLargeError extends Error {}
