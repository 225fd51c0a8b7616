"""A sensor on Eclipse Paho: publishes each line of stdin to the topic, with the library's own reconnecting and resending.

usage: paho-sensor.py PORT TOPIC QOS; prints how many the broker has acknowledged.
"""

import sys

import paho.mqtt.client as mqtt

port, topic, qos = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
lines = sys.stdin.read().splitlines()
# Version 2 of the library wants to be told which callbacks are meant.
version = (mqtt.CallbackAPIVersion.VERSION2,) if hasattr(mqtt, "CallbackAPIVersion") else ()
client = mqtt.Client(*version, client_id="paho", clean_session=False)
client.reconnect_delay_set(min_delay=1, max_delay=1)
client.max_queued_messages_set(0)
client.max_inflight_messages_set(100)
client.connect("127.0.0.1", port)
client.loop_start()
sent = [client.publish(topic, line, qos=qos) for line in lines]
for message in sent:
    message.wait_for_publish(60)
print(sum(message.is_published() for message in sent))
client.disconnect()
client.loop_stop()
