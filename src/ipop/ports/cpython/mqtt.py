"""One connection to one broker, by paho-mqtt: MQTT 5, or 3.1.1 with a broker that knows no more.

    connection = Connection(url, version, will, deliver, count)     # takes its time, or raises Failure
    connection.turn(readable)                                       # reads, writes, sees to the time; or raises Failure

All of this is for a thread that may wait. paho believes what a broker sends and bounds little of it: whatever it raises
ends the connection and nothing else, and how large a packet is and how many are under way is bounded here.
"""

import secrets
import select

from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ...signal.signalling import MESSAGE_MAX
from . import clock
from .stream import CONNECT_MAX, NO_ANSWER, Failure, send_at_once, tls_context, words

MQTT_5, MQTT_3_1_1 = paho.MQTTv5, paho.MQTTv311
PACKET_MAX = MESSAGE_MAX + 1024  # bytes of a packet: MQTT 5 keeps larger ones from us
PACKET_LIMIT = 4 << 20  # bytes with which a connection ends: with 3.1.1 anybody may leave something large
CHUNK = 65_536  # bytes that are read at a time
KEEPALIVE = 60  # s of silence after which the broker is asked whether it is there
UNDER_WAY_MAX = 20  # messages that the broker has not confirmed
EXPIRY = 30 * 86_400  # s for which it keeps what nobody renews (MQTT 5)
_READS = 16  # packets in one turn


class Unanswered(Failure):
    """It might be for the version of MQTT."""


class Connection:
    """Connects to a Url. `deliver(topic, payload)` takes what comes, `count(reason)` what is thrown away.

    `will` is a Publish or None. Raises Failure."""

    def __init__(self, url, version, will, deliver, count):
        self._version = version
        self._deliver = deliver
        self._count = count
        self._answer = None  # to our CONNECT, by its name
        self._is_accepted = False
        self._ended = None  # why
        self._qos = 1
        self._under_way = 0
        self._under_way_max = UNDER_WAY_MAX
        self._client = self._new_client(url, will)
        try:
            self._connect(url)
        except BaseException:
            self._drop()
            raise

    def fileno(self):
        return self._client.socket().fileno()

    @property
    def wants_to_write(self):
        return self._client.want_write()

    @property
    def is_busy(self):
        """Whether something was published that the broker has not confirmed."""
        return self._under_way > 0

    @property
    def has_more(self):
        """Whether something came that the socket doesn't show any more, because TLS has it already."""
        pending = getattr(self._client.socket(), "pending", None)
        return pending is not None and pending() > 0

    @property
    def has_room(self):
        """Whether something can be published now."""
        return self._under_way < self._under_way_max

    def turn(self, readable):
        """Do what can be done now. Raises Failure when the connection has ended."""
        try:
            if readable:
                self._read()
            if self._client.want_write():
                self._client.loop_write()
            self._client.loop_misc()
        except Exception as error:  # whatever a parser may stumble over
            self._end("%s (%s)" % (_NOT_MQTT, error or type(error).__name__))
        if self._client.socket() is None:
            self._end(_BROKEN_OFF)
        if self._ended is not None:
            self._drop()
            raise Failure(self._ended)

    def publish(self, topic, payload, retain):
        properties = None
        if self._version == MQTT_5 and retain and payload:
            properties = Properties(PacketTypes.PUBLISH)
            properties.MessageExpiryInterval = EXPIRY
        self._under_way += 1
        self._client.publish(topic, payload, self._qos, retain, properties)

    def subscribe(self, topic):
        # Not confirmed: of those that are, a broker queues only so many (mosquitto 1000) and drops the rest.
        self._client.subscribe(topic, qos=0)

    def unsubscribe(self, topic):
        self._client.unsubscribe(topic)

    def close(self):
        """Say good-bye, so that the will is not published."""
        self._client.disconnect()
        self._drop()

    # --- connecting

    def _new_client(self, url, will):
        client = _Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=secrets.token_hex(11),  # 22 letters: every broker takes 23
            protocol=self._version,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_MAX / 1000
        client.on_socket_open = lambda client, userdata, sock: send_at_once(sock)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        if will is not None:
            client.will_set(will.topic, will.payload, self._qos, will.retain)
        if url.user is not None:
            client.username_pw_set(url.user, url.password)
        if url.tls:
            client.tls_set_context(tls_context(url.ca))
        return client

    def _connect(self, url):
        properties = None
        if self._version == MQTT_5:
            properties = Properties(PacketTypes.CONNECT)
            properties.MaximumPacketSize = PACKET_MAX
        try:
            self._client.connect(url.host, url.port, KEEPALIVE, properties=properties)
        except (OSError, ValueError) as error:
            raise Failure(words(error))
        until = clock.monotonic() + CONNECT_MAX
        while not self._is_accepted:
            left = until - clock.monotonic()
            if left <= 0:
                raise Failure(NO_ANSWER)
            try:
                self.turn(self._wait(left))
            except Failure as failure:
                reason = failure.args[0]
                if self._answer is None and reason == _BROKEN_OFF:
                    reason = "hung up without an answer"
                raise (Unanswered if self._answer in (None, _OTHER_VERSION) else Failure)(reason)

    def _wait(self, timeout):
        """Up to `timeout` ms. Returns whether there is something to read."""
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN | (select.POLLOUT if self.wants_to_write else 0))
        return any(events & ~select.POLLOUT for _, events in poll.poll(timeout))

    def _drop(self):
        if self._client.socket() is not None:
            self._client.socket().close()

    def _end(self, reason):
        if self._ended is None:
            self._ended = reason

    def _read(self):
        for _ in range(_READS):
            if self._client.loop_read() == paho.MQTT_ERR_PROTOCOL:
                self._end(_NOT_MQTT)
            if self._client._in_messages:  # of QoS 2, which nobody asked for, and which paho keeps without end
                self._end("sends what was not asked for")
            if self._client.socket() is None or self._ended is not None or not self.has_more:
                break

    # --- what paho tells

    def _on_connect(self, client, userdata, flags, reason, properties):
        self._answer = reason.getName()
        if reason.is_failure:
            self._end(_REFUSALS.get(self._answer, "refuses: " + self._answer.lower()))
            return
        for need, lack in _NEEDS:
            if getattr(properties, need, 1) == 0:
                self._end(lack)
        self._qos = min(1, getattr(properties, "MaximumQoS", 1))
        self._under_way_max = min(UNDER_WAY_MAX, getattr(properties, "ReceiveMaximum", UNDER_WAY_MAX))
        self._is_accepted = self._ended is None

    def _on_disconnect(self, client, userdata, flags, reason, properties):
        if flags.is_disconnect_packet_from_server:
            self._end("hung up: " + reason.getName().lower())
        elif reason.getName() == "Keep alive timeout":
            self._end("no answer any more")

    def _on_subscribe(self, client, userdata, mid, reasons, properties):
        if any(reason.is_failure for reason in reasons):
            self._end("lets nobody listen: " + reasons[0].getName().lower())

    def _on_publish(self, client, userdata, mid, reason, properties):
        self._under_way -= 1
        if reason.is_failure:
            self._count("broker-refused")

    def _on_message(self, client, userdata, message):
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self._count("broker-bad-topic")
            return
        if len(message.payload) > MESSAGE_MAX:
            self._count("signal-oversized")
            return
        self._deliver(topic, message.payload)


class _Client(paho.Client):
    """paho's, but it does not gather whatever somebody sends: a packet of MQTT can have 256 MB."""

    def _sock_recv(self, bufsize):
        coming = self._in_packet["remaining_length"]
        if coming > PACKET_LIMIT:
            raise ValueError("a packet of %d bytes" % coming)
        return super()._sock_recv(min(bufsize, CHUNK))


_BROKEN_OFF = "the connection broke off"
_NOT_MQTT = "sends what is not MQTT"
_OTHER_VERSION = "Unsupported protocol version"
_WRONG_PASSWORD = "user name or password is wrong, or missing"
_REFUSALS = {"Bad user name or password": _WRONG_PASSWORD, "Not authorized": _WRONG_PASSWORD}
_NEEDS = (
    ("RetainAvailable", "keeps no messages, and a group needs that"),
    ("WildcardSubscriptionAvailable", "allows no wildcards, and a group needs them"),
)
