import { BrokerSessions, type BrokerSessionsBounds } from "./broker-sessions.ts";
import { RetainedMessages, type RetainedMessagesBounds } from "./retained-messages.ts";

/** What the broker keeps beyond connections: it outlives each broker that is made with it. */
export interface KeptByBroker {
  sessions(bounds: BrokerSessionsBounds): Promise<BrokerSessions>;
  retained(bounds: RetainedMessagesBounds): Promise<RetainedMessages>;
}

/** It ends with the broker. */
export const KEPT_IN_MEMORY: KeptByBroker = {
  sessions: async (bounds) => new BrokerSessions(bounds),
  retained: async (bounds) => new RetainedMessages(bounds),
};
