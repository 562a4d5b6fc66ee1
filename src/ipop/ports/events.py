"""What a Broker tells, on either interpreter. Names and reasons are for people."""

from collections import namedtuple

Connected = namedtuple("Connected", ("broker",))  # "192.0.2.1:1883"
Disconnected = namedtuple("Disconnected", ("reason",))  # or not connected in the first place
Message = namedtuple("Message", ("topic", "payload"))
