"""What a node says goes out in the order in which it says it, whatever of it can wait and whatever can't."""

from ipop.daemon.network import Network

ADDR = ("192.0.2.1", 51820)


class Tap:
    name, bridge, problem, is_gone = "ipop-none", None, None, False

    def fileno(self):
        return 7

    def receive(self, batch):
        return None


class Node:
    """It has a greeting to send, which opens a session at its other end; frames pass at once."""

    def __init__(self):
        self.queued = [(b"hello", ADDR)]

    def set_home(self, home, now):
        pass

    def handle_frames(self, batch, now):
        pass

    def poll_frame(self):
        return None

    def poll_transmit(self):
        return self.queued.pop(0) if self.queued else None

    def count(self, reason):
        raise AssertionError(reason)


class Uplink:
    def __init__(self, sent):
        self.sent = sent

    def send(self, data, addr):
        self.sent.append(data)

    def send_batch(self, batch, count, too_large):
        self.sent.append(b"frames")


class Poller:
    def watch(self, fd, handler):
        self.handler = handler


def test_frames_do_not_overtake_the_greeting_of_their_session():
    """Both come in one turn of the loop: at its other end they would be thrown away, as not-compared."""
    sent, poller = [], Poller()
    Network(Node(), Tap(), Uplink(sent), poller, lambda topic, text: None, None)
    poller.handler()
    assert sent == [b"hello", b"frames"]
