"""What a log says of a fault: the entry that explains, by a known pattern or by how errors read, and what it means."""

# ruff: noqa: E501 - the words that decide stand together, so that they can be compared
from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from engine.analyzers.common.confidence import ERROR, HINT, LOG, confidence
from engine.analyzers.log_patterns import known_patterns
from engine.analyzers.log_patterns.pattern import Pattern
from engine.analyzers.logs.entries import Entry, entries, grouped, template
from engine.cluster.objects import parse_time
from engine.core.types import Evidence, Finding, ObjectRef, Remedy

_RECOVERED = re.compile(
    r"\b(?:(?:re-?)?connected|ready|recovered|established|succe(?:ss\w*|eded)|accepting|listening|started|healthy)\b", re.IGNORECASE
)
_NOT_RECOVERED = re.compile(r"\b(?:fail\w*|not|no|never|unable|cannot|without|waiting|retry\w*|until|err(?:or)?)\b", re.IGNORECASE)
_SETTLED = re.compile(
    rf"{_RECOVERED.pattern}|\b(?:resuming normal operations|complet(?:e|ed)|initiali[sz]ed|serving|online|elected|synced|running)\b",
    re.IGNORECASE,
)
"""Words of a success that makes what was only warned of before it history."""
_TAG = re.compile(r"^\[[\w.:-]{2,40}\] (?!directive)")
_RANK = {"fatal": 18, "error": 10, "": 4, "warn": 2, "info": -25, "debug": -40}
_FAILURE = re.compile(
    r"\b(?:errors?|fail(?:ed|ure|s)?|fatal|panic|cannot|can['’]?t|could ?n[o'’]t|could not|unable to|not found|no such|denied|refused|"
    r"invalid|missing|mismatch|unsupported|not supported|incompatible|corrupt(?:ed|ion)?|exceed(?:ed|s)|out of|tim(?:ed|e)[ -]?out|"
    r"unavailable|unreachable|terminated|abort(?:ed|ing)?|killed|crash(?:ed)?|illegal|unexpected|exception|reject(?:ed)?|expired|"
    r"unauthorized|forbidden|insufficient|exhausted|blocked|not (?:valid|compatible|allowed|permitted|available|initialized|discovered)|"
    r"does(?: not|n['’]t) exist|conflict|sorry|gave up|already (?:used|in use|running|exists)|must (?:be|have|install|specify|set)|is full|\w+(?:Error|Exception))\b",
    re.IGNORECASE,
)
"""Words of a fault in lines that carry no level, or are only a warning."""
_HARMLESS = re.compile(
    r"\b(?:0|no|zero|without)\s+(?:\w+\s+)?(?:errors?|fail\w*|warnings?|exceptions?)\b|(?:errors?|fail\w*|exceptions?)\"?\s*[=:]\s*\"?(?:0|null|none|false|\[\])\b|"
    r"\b(?:error|exception|failure)[ _-]?(?:handl\w+|pages?|reporting|logs?|level|boundary|policy|threshold|counter|budget|detector)\b|"
    r"\b(?:ignor\w+|skipp\w+|deprecat\w+|fall(?:s|ing)? ?back|default(?:s|ing)?|optional|recommend\w*|consider|success\w*|succeeded|"
    r"disabl\w+|not enabled|no longer|will be removed|on (?:error|failure)|fail-?(?:over|safe|fast)|experimental|insecure|"
    r"development|hint|tip|makes sense only|retr(?:y|ies|ying) (?:policy|config\w*)|not (?:set|configured|specified|provided)|"
    r"if (?:you|it|this|the)|to use|unless|may|might|can be|should)\b",
    re.IGNORECASE,
)
"""Words of lines that only sound like a fault: counts of nothing, fallbacks, advice, what is switched off."""
_IGNORED = re.compile(r"\b(?:can (?:safely )?be ignored|safe to ignore)\b", re.IGNORECASE)
"""Words with which a warning itself says that it is none."""
_REASON = re.compile(
    r"mismatch|does(?: not|n['’]t)|not (?:writable|valid|allowed|found|permitted|compatible|supported|available|comply)|no such|expected|already|"
    r"corrupt|incompatible|denied|missing|invalid|exceed|older|newer|too (?:many|large|old|small|low)|unknown|duplicate|without|"
    r"differs?|is not|has not|no longer|insufficient|unsupported|illegal|no space|reject|refus|cannot|can['’]t|could not|couldn['’]t",
    re.IGNORECASE,
)
"""Words with which a line says why, not only that."""
_CONSEQUENCE = re.compile(
    r"\b(?:abort(?:ing|ed)?|exit(?:ing|ed|s)?|shut(?:ting)? ?down|stopping|stopped|terminating|giving up|clos(?:ing|ed)|see you|"
    r"failed to (?:start|initiali[sz]e|run|load|boot|launch|update|save|reconcile|execute|bootstrap)|(?:startup|start|run|initiali[sz]ation|command|boot|launch|install) failed|failed to start\w*|"
    r"could not start|did not exit normally|exit (?:status|code)|will (?:exit|retry|restart)|unexpected(?:ly)? (?:stop|exit)|uncaught exception|"
    r"reconciler error|unhandled error|backoff|restarting|terminated by signal|load command|retrying|unreferenced|internal server error)\b",
    re.IGNORECASE,
)
"""Words of lines that only say what follows from a fault."""
_BARE_FAILURE = re.compile(r"^\W*(?:fail(?:ed|ure)?|unable|could not|couldn['’]t|cannot|can['’]t|error)\b[^:\"'(=]{0,50}$", re.IGNORECASE)
"""A message that says that something failed, and nothing of why."""
_ADVICE = re.compile(
    r"^\W*(?:for more|for further|see |please |run |try |use |hint|note|tip|learn more|check |to resolve|set |consider|if you|visit |more (?:info|details)|https?://|at |from |caused by:?$|details:?$|stack ?trace|response:?$)",
    re.IGNORECASE,
)
RECENT = timedelta(minutes=3)
_MOST_LINES = 5000
_MOST_SHAPES = 450
"""Messages of different shapes that are looked at: the first ones, and twice as many of the last."""
_SHORT_LOG = 40
"""Lines of a log that is read to its end even where nothing in it is marked as an error."""


@dataclass(frozen=True, slots=True)
class Story:
    """What a log says of a fault: the entry that explains, the pattern it matches (None: only marked as an error), and how often."""

    entry: Entry
    pattern: Pattern | None = None
    groups: dict[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str:
        return self.pattern.code if self.pattern else "LoggedError"

    @property
    def says(self) -> str:
        """The cause in words, with the values."""
        if self.pattern is None:
            return f"its log says “{self.message}”"
        return self.pattern.says.format_map(_Blank(self.groups))

    @property
    def message(self) -> str:
        """The log's own message, on one line, with the names that its repeats differ in."""
        text = quoted(self.entry.text)
        others = [name for name in self.entry.also if name not in text][:3]
        return f"{text} (also {', '.join(others)})" if others else text

    @property
    def excerpt(self) -> str:
        """The verbatim lines, a long trace cut to its head and the lines around the message."""
        lines = self.entry.lines
        if len(lines) > 12:
            explaining = next((i for i, line in enumerate(lines) if self.entry.text[:60] in line), len(lines) - 1)
            lines = lines[:1] + lines[max(1, explaining - 4) : explaining + 3]
        return "\n".join(lines)

    @property
    def docs(self) -> tuple[str, ...]:
        """Search terms for a runbook: what the fault is called, and the program that speaks."""
        if self.pattern is None:
            return ()
        return (*self.pattern.docs, self.pattern.program) if self.pattern.program else self.pattern.docs

    @property
    def weight(self) -> float:
        if self.pattern is not None and self.pattern.weight >= 60:
            return LOG
        return ERROR if self.pattern is not None or self.entry.level in ("error", "fatal") else HINT


class _Blank(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def short(text: str, most: int = 180) -> str:
    """A text on one line, at most so many characters."""
    flat = _TAG.sub("", " ".join(text.split()))
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def quoted(text: str, most: int = 260) -> str:
    """A message on one line, cut so that its reason stays: outer parts (`a: b: reason`) go first, then the end."""
    flat = _TAG.sub("", " ".join(text.split()))
    if len(flat) <= most:
        return flat
    parts = flat.split(": ")
    while len(parts) > 1 and len(": ".join(parts)) > most - 2 and len(": ".join(parts[1:])) >= 40:
        parts = parts[1:]
    kept = ": ".join(parts)
    lead = "" if len(kept) == len(flat) else "…: "
    return lead + (kept if len(kept) <= most else kept[: most - 1] + "…")


def match(entry: Entry) -> tuple[Pattern, dict[str, str]] | None:
    """The pattern that says most about an entry, and the values in it."""
    best: tuple[float, Pattern, dict[str, str]] | None = None
    if entry.level in ("warn", "info") and _IGNORED.search(entry.text):
        return None
    quiet = entry.level in ("info", "debug")
    texts = [entry.text, entry.lines[0]] if entry.trace and entry.lines[0] != entry.text else [entry.text]
    for place, text in enumerate(texts):
        for pattern, groups in known_patterns().hits(text, any_level_only=quiet):
            # the same words explain more the deeper they stand in a trace, and the more values they hold
            score = pattern.weight - place * 3 + min(len(groups), 4) * 0.1
            if entry.count >= pattern.repeats and (best is None or score > best[0]):
                best = (score, pattern, groups)
    return _with_peer(best[1], best[2]) if best else None


def _with_peer(pattern: Pattern, groups: dict[str, str]) -> tuple[Pattern, dict[str, str]]:
    """A pattern whose reason is a failed call of another object speaks of that object, too: its code is the call's."""
    if pattern.peer or "reason" not in groups:
        return pattern, groups
    calls = [(inner, fields) for inner, fields in known_patterns().hits(groups["reason"]) if inner.peer and inner.weight >= 45]
    if not calls:
        return pattern, groups
    inner, fields = max(calls, key=lambda pair: pair[0].weight)
    return dataclasses.replace(pattern, code=inner.code, peer=True, docs=(*inner.docs, *pattern.docs)), {**fields, **groups}


def _looks_failed(entry: Entry) -> bool:
    """Whether a line without a level, or a warning, reads like a fault."""
    return bool(_FAILURE.search(entry.text)) and not _HARMLESS.search(entry.text) and not _ADVICE.match(entry.text)


def _unknown_score(entry: Entry) -> float:
    """How much an entry that no pattern knows explains: the innermost reason most, what follows from it least."""
    text = entry.text
    score = 30.0 + _RANK[entry.level]
    if entry.level in ("", "warn"):
        score -= 12
    if entry.trace:
        score += 3
    if re.search(r"\w(?:Error|Exception)\b\W{1,3}\S", text):
        score += 3
    if _REASON.search(text):
        score += 4
    if (found := _CONSEQUENCE.search(text)) is not None and len(text) - found.end() < 50 and not _REASON.search(text[found.end() :]):
        score -= 14
    elif _BARE_FAILURE.match(text):
        score -= 9
    if _ADVICE.match(text) or len(text) < 12:
        score -= 16
    return score


def explain(lines: Sequence[str], *, ended: bool, now: datetime | None = None) -> Story | None:
    """The entry that explains the fault, or None where the log says nothing of one.

    `ended`: the container is down, so any line may explain and what it says last counts most. Otherwise only what still goes on
    near the end of the log (or within minutes of `now`) counts, and a single line of an unknown kind does not.
    """
    found = grouped(entries(lines[-_MOST_LINES:]))
    if not found:
        return None
    end = max((e.last_index for e in found), default=0)
    if len(found) > _MOST_SHAPES:
        found = found[: _MOST_SHAPES // 3] + found[-(_MOST_SHAPES * 2 // 3) :]
    newest = max((e.when for e in found if e.when), default=None)
    well = (e for e in found if e.level == "info" and _RECOVERED.search(e.text) and not _NOT_RECOVERED.search(e.text))
    recovered = max((e.last_index for e in well), default=-1)
    best: tuple[float, Story] | None = None
    for entry in found:
        if not ended and (entry.last_index < recovered or not _still(entry, newest, end, now)):
            continue
        hit = match(entry)
        if hit is None:
            if entry.level not in ("error", "fatal") and not (ended and entry.level in ("", "warn") and _looks_failed(entry)):
                continue
            if not ended and entry.count < 3:
                continue
            score = _unknown_score(entry)
            story = Story(entry)
        else:
            pattern, groups = hit
            if not ended and entry.count < 2 and entry.level not in ("error", "fatal") and not pattern.at_once:
                continue
            score = pattern.weight + _RANK[entry.level] * (0.2 if pattern.at_any_level else 0.8)
            story = Story(entry, pattern, groups)
        if ended and entry.last_index >= end - 12:
            score += 4
        if entry.trace:
            score += 3
        if best is None or score > best[0]:
            best = (score, story)
    if best is None and ended:
        return _last_words(found)
    return best[1] if best else None


def _last_words(found: Sequence[Entry]) -> Story | None:
    """What a short log ends with, where nothing in it reads like a fault: the last line that carries no level or is a warning."""
    if sum(e.count for e in found) > _SHORT_LOG:
        return None
    last = max(found, key=lambda e: e.last_index)
    if last.level == "warn" or (last.level == "" and len(found) <= 3):
        return Story(last)
    return None


def _still(entry: Entry, newest: datetime | None, end: int, now: datetime | None) -> bool:
    """Whether a message still comes: seen within minutes (or three of its own intervals) of now or of the log's end."""
    seen, first = entry.when, parse_time(entry.stamp)
    if entry.count == 1:
        return entry.last_index >= end
    if seen is None or first is None or newest is None:
        return entry.last_index >= end * 0.8
    patience = max(RECENT, 3 * (seen - first) / (entry.count - 1))
    if now is not None and now - newest > patience:
        return entry.last_index >= end  # the log itself fell silent: what it said last counts
    return (now or newest) - seen <= patience


def analyze_text(text: str) -> list[Finding]:
    """What a log text alone says, the most telling first: one finding a kind of fault, with the lines as evidence."""
    found = grouped(entries(text.splitlines()))
    stories: dict[str, tuple[float, Story]] = {}
    for score, story in _told(found):
        known = stories.get(key := _key(story))
        if known is None:
            stories[key] = (score, story)
        else:
            known[1].entry.count += story.entry.count
    ranked = sorted(stories.values(), key=lambda pair: (-pair[0], pair[1].entry.index))[:20]
    return [_finding(score, story) for score, story in ranked]


def _told(found: Sequence[Entry]) -> Iterator[tuple[float, Story]]:
    """The entries that tell of a fault, with how much each explains."""
    last = max((e.last_index for e in found), default=0)
    marked = any(e.level in ("error", "fatal") for e in found)
    settled = max(
        (e.last_index for e in found if e.level in ("info", "") and _SETTLED.search(e.text) and not _FAILURE.search(e.text)), default=-1
    )
    soft = []
    for entry in found:
        hit = match(entry)
        over = entry.last_index < settled and not entry.trace
        if hit is not None:
            pattern, groups = hit
            if over and entry.level not in ("error", "fatal") and not pattern.at_once and (pattern.peer or pattern.weight < 95):
                continue  # what a success follows is history
            if pattern.code == "Waiting" and entry.count == 1 and entry.last_index < last:
                continue
            marked = True
            yield pattern.weight + _RANK[entry.level] * (0.2 if pattern.at_any_level else 0.5), Story(entry, pattern, groups)
        elif entry.level in ("error", "fatal"):
            yield _unknown_score(entry), Story(entry)
        elif entry.level != "debug" and _looks_failed(entry) and not over and (entry.count > 1 or (settled < 0 and entry.level != "info")):
            soft.append(entry)
    if not marked:
        yield from ((_unknown_score(entry), Story(entry)) for entry in soft)


def _key(story: Story) -> str:
    if story.pattern is None:
        return f"LoggedError/{template(story.entry.text)}"
    groups = story.groups
    return f"{story.code}/{groups.get('name') or groups.get('host') or groups.get('path') or groups.get('value') or ''}"


def _finding(score: float, story: Story) -> Finding:
    times = f", {story.entry.count} times" if story.entry.count > 1 else ""
    words = "" if story.pattern is None else f" (“{story.message}”{times})"
    fix = story.pattern.fix if story.pattern is not None else ""
    return Finding(
        code=story.code,
        severity="critical" if score >= 85 else "warning",
        object=ObjectRef("Log", "", ""),
        summary=f"{story.says[0].upper()}{story.says[1:]}{words}",
        evidence=(Evidence(f"log line {story.entry.index + 1}", story.excerpt[:700], at=story.entry.stamp),),
        remedies=(Remedy(fix, "", ""),) if fix else (),
        confidence=confidence([story.weight]),
        docs=story.docs,
        detail=story.groups.get("name") or story.groups.get("host") or str(story.entry.index + 1),
    )
