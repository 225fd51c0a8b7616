import protobuf from "sparkplug-payload/lib/sparkplugPayloadProto.js";

const { Payload } = protobuf.org.eclipse.tahu.protobuf;

export type TahuPayload = protobuf.org.eclipse.tahu.protobuf.IPayload;
export type TahuMetric = protobuf.org.eclipse.tahu.protobuf.Payload.IMetric;

/** A payload as Eclipse Tahu's JavaScript library writes it; data types by their numbers. */
export function sparkplugBytes(payload: TahuPayload): Uint8Array {
  return Uint8Array.from(Payload.encode(Payload.create(payload)).finish());
}
