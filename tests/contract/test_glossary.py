"""One word for each thing: docs/glossary.md has it, and words that were given up do not come back.

To check the names, docstrings and comments of another folder of Python and its subfolders, add it to
PYTHON_CHECKED.
"""

import re
from collections.abc import Iterator, Mapping

import pytest

from tests.contract.texts import PLACES, ROOT, Text, docstrings_and_comments, lua_code, names

GLOSSARY = (ROOT / "docs/glossary.md").read_text()
ENTRIES: list[tuple[str, str]] = re.findall(r"^\* \*\*([a-z -]+)\*\*: (.+)$", GLOSSARY, re.MULTILINE)

#: The folders that no longer contain them.
PYTHON_CHECKED: tuple[str, ...] = (
    "benchmarks",
    "examples",
    "service/api",
    "service/commands",
    "service/domain",
    "service/store",
    "service/telemetry",
    "tests",
    "tools",
    "triage",
    "workers",
)

#: Words with several meanings or that no newcomer could guess, as regular expressions, and the word to write.
FREED = {
    r"park(s|ed|ing)?": "wait for children; a closed limiter",
    r"(?<!on )demands?": "condition, load",
    r"reviv(e|es|ed|ing)": "retry",
    r"stranded": "unroutable, unserved",
    r"verdicts?": "outcome",
    r"settlers?": "completer",
    r"(group |bulk |)keepers?": "group worker, bulk worker",
    r"sweepers?": "expirer",
    r"undertakers?": "unroutable reaper",
    r"janitors?": "registry cleaner",
    r"upkeep": "maintenance",
    r"census": "queue metrics",
    r"workforce": "workers",
    r"nudg(e|es|ed|ing)": "wake",
    r"pulse": "outage guard",
    r"lineups?": "weighted queues",
    r"takeovers?": "replace",
    r"summon(s|ed|ing)?": "wake",
    r"steer(s|ed|ing)?": "cancel or retry, a group action",
    r"vanish(es|ing)?": "is deleted; a worker is lost",
    r"child process(es)?": "subprocess",
}

#: Words that are fine in a sentence, but not as the name of something in the code.
FREED_NAMES = {
    r"relatives?": "dependencies",
    r"wish(es)?": "spec",
    r"tell|told": "notify",
    r"fill": "add items",
    r"thin": "cancel unstarted",
    r"beats?": "heartbeat",
    r"looks?|looked at": "find, check",
    r"answer(s|ed)?": "result, reply, response",
    r"begun|opened": "created",
    r"takes|taken": "claim, eligible",
}


def test_the_glossary_has_about_thirty_words_in_order_each_once() -> None:
    words = [word for word, _ in ENTRIES]
    assert 25 <= len(words) <= 40
    assert words == sorted(set(words))
    assert len(words) == GLOSSARY.count("\n* ")


@pytest.mark.parametrize(("word", "meaning"), ENTRIES, ids=[word for word, _ in ENTRIES])
def test_a_word_is_explained_in_one_sentence(word: str, meaning: str) -> None:
    assert meaning.endswith(".")
    assert ". " not in meaning


def test_no_word_of_the_glossary_is_a_freed_one() -> None:
    assert [word for word, _ in ENTRIES for freed in FREED if re.fullmatch(freed, word)] == []


def _check(texts: Iterator[Text], words: Mapping[str, str] = FREED) -> None:
    found = [
        f"{text.where}: {match[0]!r}, write: {instead}"
        for text in texts
        for freed, instead in words.items()
        for match in re.finditer(rf"\b(?:{freed})\b", text.words, re.IGNORECASE)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("place", PLACES)
def test_freed_words_do_not_come_back_to_a_place(place: str) -> None:
    _check(PLACES[place]())


@pytest.mark.parametrize("folder", PYTHON_CHECKED)
def test_freed_words_do_not_come_back_to_python(folder: str) -> None:
    _check(docstrings_and_comments(folder))
    # The name of a test is a sentence.
    _check(names(folder), FREED if folder == "tests" else {**FREED, **FREED_NAMES})


def test_freed_words_do_not_come_back_to_lua() -> None:
    _check(lua_code())
