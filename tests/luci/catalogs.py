"""The translations of the web interface: what its files say, as a template and as a catalog for each language.

    make translations     # after a text was changed: then what has no translation yet stands empty in po/*/ipop.po
"""

import json
import re
from pathlib import Path

APP = Path(__file__).parents[2] / "luci-app-ipop"
TEMPLATE = APP / "po/templates/ipop.pot"
CATALOGS = {folder: APP / "po" / folder / "ipop.po" for folder in ("de", "zh_Hans")}

_STRING = r"'((?:[^'\\]|\\.)*)'"
_CALL = re.compile(r"(?<![\w.])_\(\s*" + _STRING)
_TITLES = re.compile(r'"(?:title|description)":\s*("(?:[^"\\]|\\.)*")')


def texts(app):
    """{text: [file]} of all that people read, in the order of the files."""
    found = {}
    sources = sorted(app.glob("htdocs/**/*.js")) + sorted(app.glob("root/**/*.json"))
    for path in sources:
        for text in _texts_in(path):
            files = found.setdefault(text, [])
            name = str(path.relative_to(app))
            if name not in files:
                files.append(name)
    return found


def _texts_in(path):
    source = path.read_text()
    if path.suffix == ".json":
        return [json.loads(text) for text in _TITLES.findall(source)]
    return [text.replace("\\'", "'").replace("\\n", "\n") for text in _CALL.findall(source)]


def read_po(path):
    """{text: its translation}, without the header. The files are ours: an entry has one line for each."""
    pairs = re.findall(r'^msgid (".+")\nmsgstr (".*")$', path.read_text(), re.M)
    return {json.loads(text): json.loads(translation) for text, translation in pairs if text != '""'}


def template():
    """What the file TEMPLATE has to be."""
    return _file(dict.fromkeys(texts(APP), ""), "")


def catalog(language):
    """What a language's file has to be: with its own translations, in the order of the template."""
    known = read_po(CATALOGS[language])
    return _file({text: known.get(text, "") for text in texts(APP)}, f"Language: {language}\\n")


def _file(entries, language):
    """`language` is a line of the header."""
    files = texts(APP)
    header = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
    header += f'"{language}"\n' if language else ""
    return header + "".join([_entry(text, entries[text], files[text]) for text in entries])


def _entry(text, translation, files):
    places = "".join([f"#: {name}\n" for name in files])
    return f"\n{places}msgid {_quoted(text)}\nmsgstr {_quoted(translation)}\n"


def _quoted(text):
    return json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    for path in (TEMPLATE, *CATALOGS.values()):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    TEMPLATE.write_text(template())
    for language, path in CATALOGS.items():
        path.write_text(catalog(language))
