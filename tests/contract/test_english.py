"""Texts are written as a native speaker would write them: active, the actor named, the field's own words.

Each pattern is a turn of phrase that is correct word by word, and that no English-speaking engineer would
write. To check the docstrings and comments of another folder and its subfolders, add it to
PYTHON_READ. To find another phrase, add a row to PATTERNS.
"""

import re
from pathlib import Path

import pytest

from tests.contract.texts import DOCUMENTS, PLACES, ROOT, Text, docstrings_and_comments

#: The folders whose docstrings and comments a person has read once.
PYTHON_READ: tuple[str, ...] = (
    "benchmarks",
    "clients",
    "examples",
    "service",
    "tests",
    "tools",
    "triage",
    "workers",
)

#: What to look for, what to write instead, and a sentence in which it must be found.
PATTERNS: list[tuple[str, str, str]] = [
    (r"\banswer(s|ed|ing)?\b", "returns, responds with; a response", "It answers the same leases."),
    (r"\b(is|are|was|were|be) away\b|\baway for\b", "is unavailable, cannot be reached", "Redis is away."),
    (
        r"(?<![Tt]here )\b(is|are) no (?!longer|more\b|less\b|later\b|earlier\b|shorter\b|way\b|need\b)",
        "Invalid ..., is not a, has no",
        "'x/y' is no key of a child.",
    ),
    (
        r"\bas (it|they|he|many|much|often)\b[\w ,]* (may|might)\b",
        "name the limit: limit 50 per process",
        "This API key has as many event streams as it may.",
    ),
    (r"\bmay have (\d|`x`)", "the limit is", "The payload has 70000 bytes and may have 65536."),
    (r"\b(go|goes|going|went|gone) on\b", "continues, keeps running, resumes", "It goes on where it was."),
    (
        r"\bof (its|their|his|your|our|my|one's) own"
        r"(?=[.,;:)]|$| (and|or|that|which|in|for|with|to|is|are|on|as|from|by|of|at|beside)\b)",
        "its own ...",
        "It runs in a process of its own.",
    ),
    (
        r"\b(is|are|was|were|be|been) (told|asked)\b",
        "name who tells or asks, and active: the API asks the worker to drain",
        "The worker is told once.",
    ),
    (
        r"\b([Ww]hoever|[Nn]obody|[Ss]omebody|[Ee]verybody)\b",
        "name the actor: no worker, a client, the operator",
        "Whoever comes late finds another position.",
    ),
    (r"(?:^|[.;:,] )[Ww]ho (?![^.;]*\?)", "name the actor: the worker that", "Who found work is busy now."),
    (
        r"(?:^|[.;:,] )[Ww]hat (runs|ran|is|was|has|had|cannot|must|died|came|comes|failed|fails|gave|changes"
        r"|waits|fits|stands|goes|does|remains|belongs|needs|ended|ends|knows|reads|serves) (?![^.;]*\?)",
        "name the thing: the jobs that run",
        "What runs keeps its lease.",
    ),
    (r"\bwhat (it|they|you) asked for\b", "the request", "It may be that what it asked for has happened."),
    (
        r"\b(is|are|was|were|be) looked (at|for|through)\b|\b(a|one|two|next|last|first|each) looks?\b",
        "name who checks what",
        "Closed limiters are looked at.",
    ),
    (r"\bfor ever\b", "forever, indefinitely", "Results are kept for ever."),
    (r"\b(that|those) of\b", "repeat the noun, or 's", "Its timeout is that of the job."),
    (r"\bbeside\b", "next to, in addition to, besides", "Queues have limits beside those for keys."),
    (r"\b(for|at) the moment\b", "temporarily, currently", "Redis does not reply at the moment."),
    (r"\b(bear|bears|bore)\b", "tolerate, survive", "The code above must bear being run twice."),
    (r"\banew\b", "again, from scratch", "The count starts anew."),
    (r"\bby (itself|themselves)\b", "on its own, automatically, independently", "It comes back by itself."),
    (
        r"\b(is|are|was|were) over\b(?! (`x`|\d|a |an |half ))",
        "has expired, has ended, has passed",
        "Its time was over at 10:00.",
    ),
    (
        r"\b\d[\d,.]*(?: (?:[KMG]i?B|m?s|\w+s))? at (most|least)\b",
        "at most 500, first the limit",
        "One call reads 500 jobs at most.",
    ),
    (
        r"\b(its|their|a job's|the job's) ends?\b(?! of)",
        "when it finishes, its result",
        "Jobs and their ends.",
    ),
    (r"\bhow far (it|they)\b", "its progress", "The counts show how far it is."),
    (
        r"(?:^|\| )(Seconds|Bytes|Times|Percent)(:| that\b)",
        "say what it is and put the unit last: How long ..., in seconds",
        "Seconds that running jobs get at shutdown.",
    ),
    (
        r"\b(send|sends|sent|sending) (it |them )?again\b",
        "retry, resend, repeat",
        "Every write is sent again.",
    ),
    (r"\bin vain\b", "without success", "It tried in vain."),
    (r"\b(a|for a) try\b|\bas given\b", "to try it out; by default", "There are no CPU limits as given."),
    (r", too\b", "also, as well, or nothing", "The other one starts, too."),
]


def _found(texts: list[Text], pattern: str) -> list[str]:
    return [
        f"{text.where}: ...{text.words[max(0, match.start() - 30) : match.end() + 30]}..."
        for text in texts
        for match in re.finditer(pattern, text.words)
    ]


def _check(texts: list[Text]) -> None:
    assert len(texts) > 5
    found = {instead: hits for pattern, instead, _ in PATTERNS if (hits := _found(texts, pattern))}
    assert not found, "\n".join(
        f"write {instead}:\n  " + "\n  ".join(hits) for instead, hits in found.items()
    )


@pytest.mark.parametrize("place", PLACES)
def test_a_place_has_no_phrase_that_reads_as_a_translation(place: str) -> None:
    _check(list(PLACES[place]()))


@pytest.mark.parametrize("folder", PYTHON_READ)
def test_docstrings_and_comments_have_no_phrase_that_reads_as_a_translation(folder: str) -> None:
    _check(list(docstrings_and_comments(folder)))


@pytest.mark.parametrize(("pattern", "_instead", "sentence"), PATTERNS, ids=[row[2] for row in PATTERNS])
def test_a_pattern_finds_its_sentence(pattern: str, _instead: str, sentence: str) -> None:
    assert re.search(pattern, sentence)


@pytest.mark.parametrize(
    "path", [*DOCUMENTS, *ROOT.glob("[et]*/**/*.md")], ids=lambda path: str(path.relative_to(ROOT))
)
def test_no_line_of_a_document_is_longer_than_120_columns(path: Path) -> None:
    lines = enumerate(path.read_text().split("\n"), 1)
    assert [number for number, line in lines if len(line) > 120] == []
