"""The handshake is the one that others have published vectors for, so any implementation of Noise understands it."""

import struct

from noise_vectors import INITIATOR, INITIATOR_EPHEMERAL, PSK, RESPONDER, RESPONDER_EPHEMERAL, VECTORS

from ipop.errors import Rejected
from ipop.ports import crypto
from ipop.wg.noise import Initiator, Responder
from ipop.wg.suites import suites

SUITES = suites(crypto)


def handshake(suite, prologue=b"", psk=PSK, remote=None):
    """An initiator and a responder that know each other."""
    public = crypto.dh_base(RESPONDER)
    initiator = Initiator(suite, crypto, INITIATOR, remote or public, psk, prologue)
    return initiator, Responder(suite, crypto, RESPONDER, public, prologue)


def rejection(act, *args):
    """The word under which `act` rejects, or None."""
    try:
        act(*args)
    except Rejected as rejected:
        return rejected.reason
    return None


def nonce(counter):
    return bytes(4) + struct.pack("<Q", counter)


def flipped(data, i):
    return data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :]


def test_the_published_vectors():
    for vector in VECTORS:
        initiator, responder = handshake(SUITES[vector.suite], vector.prologue)
        (payload1, message1), (payload2, message2), from_initiator, from_responder = vector.messages

        assert initiator.write(INITIATOR_EPHEMERAL, payload1) == message1
        assert responder.read_static(message1) == crypto.dh_base(INITIATOR)
        assert responder.read_payload(message1) == payload1

        message, sending, receiving = responder.write(RESPONDER_EPHEMERAL, PSK, payload2)
        assert message == message2
        assert initiator.read(message2) == (payload2, receiving, sending)

        for key, (plaintext, ciphertext) in ((receiving, from_initiator), (sending, from_responder)):
            assert crypto.seal(key, nonce(0), b"", plaintext) == ciphertext
            assert crypto.unseal(key, nonce(0), b"", ciphertext) == plaintext


def test_there_are_vectors_for_both_suites():
    assert [vector.suite for vector in VECTORS] == ["sha256"] * 4 + ["blake2s"] * 4


def test_a_first_message_that_was_tampered_with_is_rejected():
    for suite in SUITES.values():
        initiator, _ = handshake(suite)
        message = initiator.write(INITIATOR_EPHEMERAL, b"timestamp...")
        for i in range(len(message)):
            _, responder = handshake(suite)
            forged = flipped(message, i)
            if i < 80:
                assert rejection(responder.read_static, forged) == "bad-handshake", i
            else:
                responder.read_static(forged)
                assert rejection(responder.read_payload, forged) == "bad-handshake", i


def test_a_forged_answer_does_not_spoil_the_true_one():
    """Else whoever overhears an initiation could keep two homes apart by answering first."""
    for suite in SUITES.values():
        initiator, responder = handshake(suite)
        message = initiator.write(INITIATOR_EPHEMERAL, b"")
        responder.read_static(message)
        responder.read_payload(message)
        answer, sending, receiving = responder.write(RESPONDER_EPHEMERAL, PSK, b"")
        for i in range(len(answer)):
            assert rejection(initiator.read, flipped(answer, i)) == "bad-handshake", i
        assert initiator.read(answer) == (b"", receiving, sending)


def test_another_preshared_key_is_noticed_by_the_initiator():
    initiator, responder = handshake(SUITES["sha256"])
    message = initiator.write(INITIATOR_EPHEMERAL, b"")
    responder.read_static(message)
    responder.read_payload(message)
    answer, _, _ = responder.write(RESPONDER_EPHEMERAL, bytes(32), b"")
    assert rejection(initiator.read, answer) == "bad-handshake"


def test_another_prologue_or_suite_or_responder_is_noticed_by_the_responder():
    sha256, blake2s = SUITES["sha256"], SUITES["blake2s"]
    for initiator in (
        handshake(sha256, b"another protocol")[0],
        handshake(blake2s)[0],
        handshake(sha256, remote=crypto.dh_base(INITIATOR))[0],
    ):
        _, responder = handshake(sha256)
        message = initiator.write(INITIATOR_EPHEMERAL, b"")
        assert rejection(responder.read_static, message) == "bad-handshake"


def test_a_key_of_low_order_is_refused():
    """It would make a "secret" that everybody knows."""
    for suite in SUITES.values():
        _, responder = handshake(suite)
        assert rejection(responder.read_static, bytes(80)) == "bad-key"
        initiator, _ = handshake(suite)
        initiator.write(INITIATOR_EPHEMERAL, b"")
        assert rejection(initiator.read, bytes(48)) == "bad-key"


def test_the_suites_share_nothing_but_the_curve():
    sha256, _ = handshake(SUITES["sha256"])
    blake2s, _ = handshake(SUITES["blake2s"])
    one, two = [initiator.write(INITIATOR_EPHEMERAL, b"") for initiator in (sha256, blake2s)]
    assert one[:32] == two[:32]
    assert one[32:] != two[32:]
