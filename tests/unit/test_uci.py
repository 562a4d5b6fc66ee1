"""A file means to us what it means to OpenWrt's own tools; one that they refuse is refused with its line."""

from ipop.config import uci
from ipop.errors import ConfigError

HOME = """
# how two homes are joined
config globals 'globals'
	option port '51820'

config peer 'cabin'
	option endpoint "203.0.113.7:51820"
	list allowed_ips 10.1.2.3/32
	list allowed_ips '10.1.2.4/32'
"""


def read(text):
    """[(type, name, {option: value or list})], the dictionary as a list of pairs."""
    sections, _ = uci.parse(text, "f")
    return [
        (
            section.type,
            None if section.anonymous else section.name,
            [
                (option.name, [v.text for v in option.values] if option.is_list else option.values[0].text)
                for option in section.options
            ],
        )
        for section in sections
    ]


def value(written):
    """What is read for `option o <written>`."""
    (_, _, options), = read("config t\noption o " + written)
    return dict(options).get("o")


def refusal(text):
    try:
        uci.parse(text, "f")
    except ConfigError as error:
        return error.message
    raise AssertionError("accepted: " + repr(text))


def warnings(text):
    return uci.parse(text, "f")[1]


def test_an_ordinary_file():
    assert read(HOME) == [
        ("globals", "globals", [("port", "51820")]),
        (
            "peer",
            "cabin",
            [("endpoint", "203.0.113.7:51820"), ("allowed_ips", ["10.1.2.3/32", "10.1.2.4/32"])],
        ),
    ]


def test_the_place_of_everything_is_known():
    sections, _ = uci.parse(HOME, "/etc/config/ipop")
    cabin = sections[1]
    allowed = cabin.get("allowed_ips")
    assert cabin.where == "/etc/config/ipop:6"
    assert cabin.get("endpoint").where == "/etc/config/ipop:7"
    assert [v.where for v in allowed.values] == ["/etc/config/ipop:8", "/etc/config/ipop:9"]
    assert cabin.get("port") is None


def test_a_value_is_where_it_begins():
    sections, _ = uci.parse("config t\noption a 'x\ny'\\\nz\noption b z\n", "f")
    a, b = sections[0].options
    assert (a.where, a.values[0].where) == ("f:2", "f:2")
    assert (b.where, b.values[0].where) == ("f:5", "f:5")


def test_nothing_is_a_file_too():
    assert read("") == read("\n\r\n \t\n") == read("# only a comment") == []


def test_bytes_are_read_like_text():
    assert read(HOME.encode()) == read(HOME)


def test_quotes():
    assert value("plain") == value("'plain'") == value('"plain"') == value("""pl'ai'"n\"""") == "plain"
    assert value("'two words'") == value('"two words"') == value("two\\ words") == "two words"
    assert value("""'say "hi"'""") == value('"say \\"hi\\""') == 'say "hi"'
    assert value("'it'\\''s'") == value("it\\'s") == value('"it\'s"') == "it's"


def test_a_backslash_means_nothing_in_single_quotes():
    assert value("'a\\b\\'") == "a\\b\\"
    assert value("a\\bc") == value('"a\\bc"') == "abc"
    assert value("a\\\\b") == "a\\b"


def test_quoted_values_run_over_lines():
    assert value("'one\ntwo'\n") == value('"one\ntwo"\n') == "one\ntwo"
    assert value('"one\\\ntwo"\n') == value("one\\\ntwo\n") == value("one\\\r\ntwo\r\n") == "onetwo"


def test_comments():
    assert value("a # comment") == value("a#comment") == value("'a'#comment") == "a"
    assert value("'a#b'") == value("a\\#b") == "a#b"


def test_lines_from_another_system_end_in_carriage_return():
    assert read(HOME.replace("\n", "\r\n")) == read(HOME)


def test_commands_can_be_cut_to_a_letter():
    assert read("c t s\no a b\nl c d\n") == [("t", "s", [("a", "b"), ("c", ["d"])])]


def test_semicolons_separate_commands():
    assert read("config t; option a b") == [("t", None, [])], "UCI hides the rest"
    assert read("config 't' 's'; option 'a' 'b'; option 'c' 'd'\n") == [("t", "s", [("a", "b"), ("c", "d")])]
    assert read("config t s ; option a b\n") == [("t", "s", [("a", "b")])]


def test_what_a_semicolon_hides_is_warned_of():
    assert warnings("config t s;option a b\n") == [
        "f:1: UCI ignores 'option a b' after ';': put it on its own line"
    ]
    assert warnings("config t s;\n") == warnings("config t s; # comment\n") == []


def test_a_section_goes_on_where_its_name_is_repeated():
    assert read("config t s\noption a 1\nconfig u v\nconfig t s\noption a 2\noption b 3") == [
        ("t", "s", [("a", "2"), ("b", "3")]),
        ("u", "v", []),
    ]


def test_sections_without_a_name_are_each_their_own():
    assert read("config t\noption a 1\nconfig t ''\noption a 2\n") == [
        ("t", None, [("a", "1")]),
        ("t", None, [("a", "2")]),
    ]


def test_a_section_without_a_name_is_called_what_uci_calls_it():
    sections, _ = uci.parse("config peer\nconfig t s\nconfig peer\n", "f")
    assert [section.name for section in sections] == ["cfg013511", "s", "cfg033511"]


def test_the_last_option_counts():
    assert read("config t\noption a 1\noption b 2\noption a 3") == [("t", None, [("a", "3"), ("b", "2")])]


def test_an_empty_option_says_nothing():
    assert read("config t\noption a 1\noption a ''\noption b\n") == [("t", None, [("a", "1")])]


def test_list_and_option_of_one_name():
    assert read("config t\noption a 1\nlist a 2\n") == [("t", None, [("a", ["1", "2"])])]
    assert read("config t\nlist a 1\nlist a 2\noption a 3\n") == [("t", None, [("a", "3")])]
    assert read("config t\nlist a ''\nlist a\n") == [("t", None, [("a", ["", ""])])]


def test_a_package_line_changes_nothing():
    assert read("package ipop\nconfig t\n") == read("config t\n")


def test_letters_outside_ascii():
    assert value("'Hütte'") == "Hütte"
    assert read(b"config t # H\xfctte\n option a 'H\xfctte'\n") == [("t", None, [("a", "H\ufffdtte")])]


def test_refusals_name_the_line_and_what_was_expected():
    for text, message in (
        ("hello world", "f:1: expected 'config', 'option' or 'list', got 'hello'"),
        ("\n\noption a b", "f:3: expected 'config' and a section type before the first option"),
        ("config", "f:1: expected a section type, got nothing"),
        ("config \n", "f:1: expected a section type, got nothing"),
        ("config ''\n", "f:1: expected a section type, got nothing"),
        ("config 'a b'\n", "f:1: expected a section type without blanks or letters outside ASCII, got 'a b'"),
        ("config t a-b\n", "f:1: expected a section name of letters, digits and _, got 'a-b'"),
        ("config t s\n\nconfig u s\n", "f:3: section 's': expected type 't' as at f:1, got 'u'"),
        ("config t\noption a-b c\n", "f:2: expected an option name of letters, digits and _, got 'a-b'"),
        ("config t\noption\n", "f:2: expected an option name, got nothing"),
        (
            "config t\noption a b c\n",
            "f:2: expected the end of the line (a value with blanks in it needs quotes), got 'c'",
        ),
        (
            "config t\noption a 'b\noption c 'd'\n",
            "f:3: expected another ' to close this one, got nothing",
        ),
        ('config t\noption a "b\n', 'f:2: expected another " to close this one, got nothing'),
        ("package a.b", "f:1: expected a package name of letters, digits, _ and -, got 'a.b'"),
        ("config 't' 's';\n", "f:1: expected 'config', 'option' or 'list', got nothing"),
        ("config t\n\0option a b\n", "f:2: expected text, got a zero byte: the file is damaged"),
    ):
        assert refusal(text) == message, refusal(text)


def test_no_text_breaks_the_reader():
    pieces = ["config t", "option a", "list b", " ", "\n", "'", '"', "\\", ";", "#", "\r", "x", "é", "''"]
    state = 1
    for _ in range(1500):
        text = ""
        for _ in range(12):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            text += pieces[(state >> 16) % len(pieces)]
        try:
            uci.parse(text, "f")
        except ConfigError as error:
            assert error.message.startswith("f:")
