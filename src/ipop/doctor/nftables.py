"""Whether a new datagram to a UDP port of this router is let in, by what `nft list ruleset` prints.

Only what is said plainly is believed: a rule counts as closing the port when it drops whatever comes, or whatever comes
anew, and as opening it when it names the port, or accepts whatever comes from where the internet is. What is said by
address, by set or by mark is nobody's guess here; and what is said of another interface than those that lead to the
internet, where they are known, is about somebody else.
"""

OPEN, CLOSED, UNTOUCHED = "open", "closed", "untouched"
_OUR_TABLES = "ipop_"  # they are about the group's bridge
# what a rule may say besides its verdict if it is about whatever comes anew; numbers and names in quotes too
_WHATEVER = ("iif", "iifname", "meta", "l4proto", "udp", "ct", "state", "new", "untracked", "")
_WHATEVER += ("counter", "packets", "bytes", "log", "prefix", "level")
_ELSEWHERE = ("tcp", "icmp", "icmpv6", "ipv6-icmp", "saddr", "daddr", "sport", "lo", "invalid", "mark", "limit")


def port_is(ruleset, port, uplinks=()):
    """One of OPEN, CLOSED, UNTOUCHED: nothing is said about it, and nothing drops it. `uplinks` are the interfaces that
    lead to the internet.

    What one table lets in another can drop."""
    verdicts = [UNTOUCHED]
    for chains in _tables(ruleset):
        for lines in chains.values():
            if lines and "hook input" in lines[0]:
                verdict = _verdict(chains, lines, port, uplinks, set())
                verdicts.append(CLOSED if verdict == UNTOUCHED and "policy drop" in lines[0] else verdict)
    return CLOSED if CLOSED in verdicts else OPEN if OPEN in verdicts else UNTOUCHED


def _verdict(chains, lines, port, uplinks, seen):
    """What a chain, and those that it leads to, do about the port."""
    is_closed = False
    for line in lines:
        words = line.partition(" comment ")[0].split()
        if uplinks and not _is_from(words, uplinks):
            continue
        if "accept" in words and (_names_port(line, port) or _lets_all_in(words, uplinks)):
            return OPEN
        for verb in ("jump", "goto"):
            if verb in words[:-1]:
                name = words[words.index(verb) + 1]
                if name in chains and name not in seen and not _is_elsewhere(words):
                    seen.add(name)
                    verdict = _verdict(chains, chains[name], port, uplinks, seen)
                    if verdict == OPEN:
                        return OPEN
                    is_closed = is_closed or verdict == CLOSED
        if ("drop" in words or "reject" in words) and "hook" not in words and _is_whatever_comes(words):
            is_closed = True
    return CLOSED if is_closed else UNTOUCHED


def _names_port(line, port):
    """Whether a rule is about this UDP port: `udp dport 51820`, `udp dport { 53, 51820 }`, `th dport 51000-52000`."""
    _, _, rest = line.partition("dport ")
    if not rest or "tcp dport" in line or ("udp" not in line and "th dport" not in line):
        return False
    listed = rest.partition("{")[2].partition("}")[0] if rest.strip()[:1] == "{" else rest.split()[0]
    for word in listed.replace(",", " ").split():
        low, _, high = word.partition("-")
        if low.isdigit() and (high or low).isdigit() and int(low) <= port <= int(high or low):
            return True
    return False


def _is_from(words, uplinks):
    """Whether a rule is about what comes from one of these interfaces, or from anywhere."""
    for name in ("iif", "iifname"):
        if name in words[:-1]:
            rest = " ".join(words[words.index(name) + 1 :])
            if rest[:2] == "!=":
                return True
            listed = rest.partition("{")[2].partition("}")[0] if rest[:1] == "{" else rest.split()[0]
            return any('"%s"' % uplink in listed for uplink in uplinks)
    return True


def _lets_all_in(words, uplinks):
    """Whether a rule that accepts is about all that comes anew from the internet: one that names an interface is, where
    it is one of these."""
    return bool(uplinks or not {"iif", "iifname"} & set(words)) and _is_whatever_comes(words)


def _is_whatever_comes(words):
    """Whether a rule is about all that comes anew."""
    said = []
    for word in words:
        if word in ("accept", "drop", "reject"):
            break
        said += [each for each in word.strip("{}").split(",") if each[:1] != '"' and not each.isdigit()]
    return all(each in _WHATEVER or each == "tcp" and "udp" in said for each in said)


def _is_elsewhere(words):
    """Whether a rule is about something else than whatever comes to a UDP port of ours."""
    plain = [word.strip('",{}') for word in words]
    return any(word in _ELSEWHERE for word in plain) or "dport" in plain


def _tables(ruleset):
    """[{chain: [its lines]}] of the tables of others."""
    tables, chains, lines = [], None, None
    for line in ruleset.split("\n"):
        words = line.split()
        if words[:1] == ["table"] and words[-1] == "{":
            chains, lines = {}, None
            if not words[-2].startswith(_OUR_TABLES):
                tables.append(chains)
        elif words[:1] == ["chain"] and words[-1] == "{" and chains is not None:
            lines = chains[words[1]] = []
        elif words == ["}"]:
            lines = None
        elif words and lines is not None:
            lines.append(line.strip())
    return tables
