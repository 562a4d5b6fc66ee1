"""Who made a device, by the first three bytes of its MAC address (its OUI, which the IEEE assigns).

The whole list has 35 000 rows and belongs on no small router. These are makers of what people put into such a network,
each with all that was assigned to it by that name until August 2022; of any other device nothing is said.
"""

_MAKERS = (
    (
        "Espressif",
        "083a8d 083af2 08b61f 0c8b95 0cb815 0cdc7e 10521c 1091a8 1097bd 18fe34 1c9dc2 240ac4 244cab 2462ab "
        "246f28 24a160 24b2de 24d7eb 2c3ae8 2cf432 308398 30aea4 30c6f7 348518 34865d 349454 34ab95 34b472 "
        "3c6105 3c71bf 3ce90e 4022d8 409151 40f520 441793 4827e2 483fda 485519 48e729 4c11ae 4c7525 4cebd6 "
        "500291 5443b2 545aa6 58bf25 58cf79 5ccf7f 600194 6055f9 64e833 686725 68b6b3 68c63a 70039f 70041d "
        "70b8f6 782184 78e36d 7c87ce 7c9ebd 7cdfa1 80646f 807d3a 840d8e 84cca8 84f3eb 84f703 84fce6 8c4b14 "
        "8caab5 8cce4e 90380c 9097d5 943cc6 94b555 94b97e 94e686 98cdac 98f4ab 9c9c1f a020a6 a0764e a0b765 "
        "a47b9d a4cf12 a4e57c a8032a a842e3 a848fa ac0bfb ac67b2 acd074 b48a0a b4e62d b8d61a b8f009 bcddc2 "
        "bcff4d c049ef c04e30 c44f33 c45bbe c4dd57 c4dee2 c82b96 c8c9a3 c8f09e cc50e3 ccdba7 d4d4da d4f98d "
        "d8a01d d8bfc0 d8f15b dc4f22 dc5475 e05a1b e09806 e0e2e6 e831cd e868e7 e89f6d e8db84 ec6260 ec94cb "
        "ecda3b ecfabc f008d1 f412fa f4cfa2 fcf5c4",
    ),
    (
        "Nintendo",
        "0009bf 001656 0017ab 00191d 0019fd 001ae9 001b7a 001bea 001cbe 001dbc 001e35 001ea9 001f32 001fc5 "
        "002147 0021bd 00224c 0022aa 0022d7 002331 0023cc 00241e 002444 0024f3 0025a0 002659 002709 0403d6 "
        "182a7b 1c4586 200bcf 2c10c1 342fbd 34af2c 40d28a 40f407 48a5e7 582f40 58b03e 58bda3 5c0ce6 5c521e "
        "606bff 64b5c6 702c09 7048f7 70f088 748469 74f9ca 7820a5 78a2a0 7cbb8a 80d2e5 8c56c5 8ccde8 9458cb "
        "98415c 98b6e9 98e8fa 9ce635 a438cc a45c27 a4c0e1 b87826 b88aec b8ae6e bc9ebb bcce25 cc5b31 cc9e00 "
        "ccfb65 d05509 d4f057 d86bf7 dc68eb e00c7f e0e751 e0f6b5 e84ece e8a0cd e8da20 ecc40d",
    ),
    (
        "QNAP",
        "245ebe e843b6",
    ),
    (
        "Raspberry Pi",
        "28cdc1 b827eb dca632 e45f01",
    ),
    (
        "Roku",
        "000d4b 080581 105932 20efbd 7c67ab 84eaed 88dea9 8c4962 a8b57c ac3a7a acae19 b0a737 b0ee7b b83e59 "
        "b8a175 bcd7d4 c83a6b cc6da0 d04d2c d4e22f d83134 dc3a5e",
    ),
    (
        "Signify",
        "001788 c42996 ecb5fa",
    ),
    (
        "Sonos",
        "000e58 347e5c 38420b 48a6b8 542a1b 5caafd 7828ca 949f3e b8e937 c43875 f0f6c1",
    ),
    (
        "Sony Interactive",
        "00041f 001315 0015c1 0019c5 001d0d 001fa7 00248d 00d9d1 00e421 0cfe45 280dfc 2c9e00 2ccc44 5c843c "
        "5c9666 70662a 709e29 78c881 84e657 a8e3ee bc3329 bc60a7 c863f1 f8461c f8d0ac fc0fe6",
    ),
    (
        "Synology",
        "001132 9009d0",
    ),
    (
        "Tuya",
        "105a17 10d561 1869d8 1c90ff 381f8d 508a06 68572d 708976 7cf666 84e342 a09208 cc8cbf d4a651 d81f12 "
        "fc671f",
    ),
    (
        "Valve",
        "e0319e",
    ),
)


def vendor(mac):
    """The maker's name, or ""."""
    oui = "%02x%02x%02x" % (mac[0], mac[1], mac[2])
    for name, ouis in _MAKERS:
        if oui in ouis:
            return name
    return ""
