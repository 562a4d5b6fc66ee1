"""Somebody at a broker who is no member of anything: hears all that passes, and says what it likes.

    broker_client.py HOST listen        prints each message, first what the broker keeps; until it is stopped
    broker_client.py HOST publish       publishes what comes on standard input, until the broker has it all

A message is a line of JSON: {"topic": text, "payload": hex, "retain": whether the broker keeps it}.
"""

import json
import sys

from paho.mqtt import client as paho
from paho.mqtt.subscribeoptions import SubscribeOptions


def main():
    host, verb = sys.argv[1:]
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.connect(host)
    {"listen": listen, "publish": publish}[verb](client)


def listen(client):
    client.on_message = lambda client, userdata, message: tell(message)
    client.on_subscribe = lambda *_: print("listening", flush=True)
    client.subscribe("#", options=SubscribeOptions(qos=1, retainAsPublished=True))
    client.loop_forever()


def tell(message):
    line = {"topic": message.topic, "payload": message.payload.hex(), "retain": message.retain}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def publish(client):
    client.loop_start()
    lines = map(json.loads, sys.stdin)
    said = [client.publish(line["topic"], bytes.fromhex(line["payload"]), 1, line["retain"]) for line in lines]
    for message in said:
        message.wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


main()
