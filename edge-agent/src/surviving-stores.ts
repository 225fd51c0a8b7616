import { Store } from "mqtt";

/**
 * Options of an mqtt.js client. At its end it throws the maps of its stores away (its lib/store.js), and still works off
 * the packets that it had read: one with QoS 2 among them would end the process. These keep their maps, as long as the
 * client is kept.
 */
export function survivingStores(): { readonly incomingStore: Store; readonly outgoingStore: Store } {
  return { incomingStore: new Store({ clean: false }), outgoingStore: new Store({ clean: false }) };
}
