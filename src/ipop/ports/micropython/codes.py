"""Numbers of the kernel's that MicroPython has no names for; on MIPS they are others (asm/errno.h, asm/socket.h)."""

import socket
from errno import *  # noqa: F403

IS_MIPS = socket.SOL_SOCKET == 0xFFFF

ENXIO = 6
EBUSY = 16
ENOTTY = 25
EBADFD = 81 if IS_MIPS else 77
EMSGSIZE = 97 if IS_MIPS else 90
EAFNOSUPPORT = 124 if IS_MIPS else 97
EADDRNOTAVAIL = 126 if IS_MIPS else 99
ENETUNREACH = 128 if IS_MIPS else 101

O_RDWR = 2
O_NONBLOCK = 0x80 if IS_MIPS else 0x800
SO_SNDBUF, SO_RCVBUF = (0x1001, 0x1002) if IS_MIPS else (7, 8)
SO_SNDBUFFORCE, SO_RCVBUFFORCE = (31, 33) if IS_MIPS else (32, 33)
SIGUSR1 = 16 if IS_MIPS else 10
SIG_BLOCK = 1 if IS_MIPS else 0
SIG_SETMASK = 3 if IS_MIPS else 2
SFD_NONBLOCK = O_NONBLOCK
