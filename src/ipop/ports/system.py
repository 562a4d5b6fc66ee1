"""Facts about this machine."""


def host_name():
    """What this machine is called, without its domain."""
    with open("/proc/sys/kernel/hostname") as file:
        return file.read().strip().split(".")[0]
