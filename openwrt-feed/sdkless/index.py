"""The index of a feed, as opkg reads it: `Packages` says what there is, `Packages.sig` that it is from us."""

import gzip
import hashlib


def packages(ipks):
    """The text of `Packages`."""
    return "".join([_entry(ipk) + "\n" for ipk in sorted(ipks)])


def compressed(text):
    """What `Packages.gz` has in it."""
    return gzip.compress(text.encode(), 9, mtime=0)


def _entry(ipk):
    digest = hashlib.sha256(ipk.data).hexdigest()
    place = f"Filename: {ipk.filename}\nSize: {len(ipk.data)}\nSHA256sum: {digest}\n"
    return ipk.control + place + ipk.description
