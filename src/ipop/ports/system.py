"""Facts about this machine."""


def host_name():
    """What this machine is called, without its domain."""
    with open("/proc/sys/kernel/hostname") as file:
        return file.read().strip().split(".")[0]


def user_ids(name):
    """(number of a user, number of its group), or None where there is none of that name."""
    for fields in _fields("/etc/passwd"):
        if fields[0] == name:
            return int(fields[2]), int(fields[3])
    return None


def group_id(name):
    """The number of a group, or None where there is none of that name."""
    for fields in _fields("/etc/group"):
        if fields[0] == name:
            return int(fields[2])
    return None


def user_name(id):
    """The other way round; the number as a text for one who has no name."""
    for fields in _fields("/etc/passwd"):
        if fields[2] == str(id):
            return fields[0]
    return str(id)


def _fields(path):
    """What stands between the colons of the lines of passwd(5) or group(5)."""
    try:
        with open(path) as file:
            lines = file.read().split("\n")
    except OSError:
        return []
    return [line.split(":") for line in lines if line.count(":") >= 3]
