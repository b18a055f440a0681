"""What a text wants, from its words with the names taken out: the want, why, and how sure the words are.

A question never becomes a change: "how do I restart…", "what happens if I delete…", "should I scale…" only ask, whatever verbs they hold.
A stated symptom outranks a guess or a verb beside it: "restart of web fails" and "kubectl delete … never finishes" tell of trouble. A change
needs an order: an action's verb where the sentence's own verb stands, and no complaint behind it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.core.types import Tier
from engine.language.linking.linker import link
from engine.language.request import Want, tier_of
from engine.language.words.forms import by_form, tells_of_fault, tells_of_trouble_first
from engine.language.words.patterns import (
    ABOUT,
    ACTION_VERBS,
    ANYTHING_WRONG,
    ASIDE,
    ASKS,
    BETTER,
    CAUSE_ASKED,
    CHANGES,
    CLUSTERISH,
    CODE,
    COMPARE,
    COMPLAINT,
    CONTRAST,
    ERROR_TERM,
    FOLLOW_UP,
    GREETING,
    HEALTH,
    HOW,
    HOW_TO_FIX,
    HTTP_REQUEST,
    LISTED_KINDS,
    NAME,
    ORDER,
    OUTSIDE,
    POLITE,
    PREDICATE,
    PRIORITIES,
    REACH,
    REPLICAS,
    SET_SO,
    SHELL,
    SHOW_STATE,
    SINCE,
    STATEMENT,
    SUBORDINATE,
    TAIL,
    THEN_ORDER,
    TROUBLE,
    USES,
    WHO_MAY,
    WRITTEN,
    YAML,
)
from engine.language.words.vocabulary import FOREIGN_TROUBLE

UNSURE = 0.6


@dataclass(frozen=True, slots=True)
class Intent:
    """What is wanted, why in a few words, and how sure the words are (0..1; below `UNSURE` a model may decide)."""

    want: Want
    reason: str
    confidence: float
    quoted: tuple[str, ...] = ()

    @property
    def tier(self) -> Tier:
        return tier_of(self.want)


def classify(query: str) -> Intent:
    """What a query wants, by its words alone: without a cluster the shape of a word tells whether it is a name."""
    text = " ".join(query.split())
    return wanted(text, link(text, None).masked)


def wanted(text: str, masked: str) -> Intent:
    """What a text wants; `masked` is the text in lower case with its names taken out (see `Links.masked`)."""
    if not masked.strip():
        return Intent("not_understood", "nothing was asked", 0.0)
    if GREETING.match(masked):
        return Intent("small_talk", "a greeting or thanks", 0.9)
    named = re.search(NAME, masked) is not None
    form = by_form(masked)
    if form is not None:
        return Intent(form[0], f'asks in so many words ("{form[1]}")', 0.9)
    if SHELL.match(masked):
        return Intent("how_to", "K8sAgent opens no shells; it says how", 0.85)
    command = re.search(
        r"\bkubectl\s+(?!commands?\b|one-?liners?\b|client\b|for\b|to\b|and\b|or\b|is\b|version (?:is|of)\b)[a-z]", text, re.I
    )
    if command:
        return _with_command(text, masked, command.start())
    if WRITTEN.search(masked) and not re.search(r"\bwhy\b", masked) and not tells_of_fault(masked):
        return Intent("write", f'asks for something to be written ("{_word(WRITTEN, masked)}")', 0.9)
    if len(re.findall(NAME, masked)) > 1 and COMPARE.search(masked) and not re.search(r"\bwhy\b", masked):
        return Intent("compare", f'asks for a comparison ("{_word(COMPARE, masked)}")', 0.9)
    if ASIDE.search(masked) and not SET_SO.match(masked):
        return Intent(_aside(masked), "asks to see something", 0.85)
    how = None if re.match(r"^\W*(?:and )?how (?:many|much|old|often)\b", masked) else HOW.search(masked)
    if ABOUT.search(masked) and not named and not CAUSE_ASKED.search(masked):
        return Intent("about_agent", "asks about K8sAgent", 0.85)
    if SINCE.search(masked):
        return Intent("since_when", f'asks since when ("{_word(SINCE, masked)}")', 0.9)
    if PRIORITIES.search(masked) and not named:
        return Intent("priorities", f'asks what comes first ("{_word(PRIORITIES, masked)}")', 0.9)
    if HTTP_REQUEST.match(text) and TROUBLE.search(masked):
        return Intent("diagnose", "tells how a request is answered", 0.9)
    if ANYTHING_WRONG.search(masked) and not named:
        return Intent("priorities", "asks what is wrong anywhere", 0.85)
    special = _special(masked, text)
    if special is not None:
        return special
    if how:
        told_to = re.match(rf"^\W*{POLITE}(?:{ACTION_VERBS})\b", masked, re.I)
        if not told_to or masked.rstrip().endswith("?"):
            if CAUSE_ASKED.search(masked) and not re.match(r"^\W*(?:how|what command|which command|explain|show me how)\b", masked, re.I):
                return Intent("diagnose", f'asks for a cause ("{_word(CAUSE_ASKED, masked)}")', 0.85)
            if HOW_TO_FIX.match(masked):
                return Intent("diagnose", "asks how to fix an object: its cause comes first", 0.85)
            if tells_of_trouble_first(masked):
                return Intent("diagnose", "a stated symptom outranks the guess beside it", 0.85)
            if HEALTH.search(masked) and named and re.match(r"^\W*how (?:is|are)|^\W*how's", masked, re.I):
                return Intent("status", "asks whether all is well", 0.85)
            code = CODE.search(masked)
            if code:
                return Intent("write", f'asks for something to be written ("{code.group(0).lower()}")', 0.9)
            return Intent(_explained(masked, text), f'asks how or whether ("{how.group(0).lower()}")', 0.95)
    replicas = REPLICAS.match(masked)
    if replicas and not masked.endswith("?") and not _complains(masked):
        return Intent("change", f'asks for a number of replicas ("{replicas.group("count").lower()}")', 0.8)
    code = CODE.search(masked)
    order = ORDER.match(masked) or SET_SO.match(masked)
    if not order and tells_of_trouble_first(masked):
        return Intent("diagnose", "a stated symptom outranks the guess beside it", 0.85)
    makes = order is not None and re.match(r"create|add|make", order.groupdict().get("verb") or "", re.I) is not None
    if (
        code
        and not tells_of_fault(masked)
        and not (
            makes
            and re.search(r"\b(?:namespace|named|called|in xspace)\b", masked)
            and not re.search(r"\b(?:script|python|example|template|one-?liner|snippet)\b", masked)
        )
    ):
        return Intent("write", f'asks for something to be written ("{code.group(0).lower()}")', 0.9)
    if YAML.search(masked) and not order:
        return (
            Intent("yaml", f'asks for an object\'s YAML ("{_word(YAML, masked)}")', 0.9)
            if named
            else Intent("write", "asks for a manifest", 0.8)
        )
    if better := BETTER.match(masked):
        return Intent("review", f'asks for advice ("{better.group("word").lower()}")', 0.85)
    if order and not _is_statement(masked, order) and not _complains(masked):
        return Intent("change", f'an order ("{(order.groupdict().get("verb") or order.group(0)).strip().lower()}")', 0.95)
    if CAUSE_ASKED.search(masked):
        return Intent("diagnose", f'asks for a cause ("{_word(CAUSE_ASKED, masked)}")', 0.95)
    if COMPARE.search(masked) and not order:
        return Intent("compare", f'asks for a comparison ("{_word(COMPARE, masked)}")', 0.9)
    asks = ASKS.match(masked)
    if re.search(r"^\W*(?:is|are)\b", masked) and HEALTH.search(masked) and not _shown(masked):
        return Intent("status", "asks whether all is well", 0.85)
    if asks and not CLUSTERISH.search(masked) and not CAUSE_ASKED.search(masked):
        return Intent(_outside(masked), "nothing in it is about a cluster", 0.8)
    if asks and SHOW_STATE.match(masked):
        return Intent(_shown(masked) or "list", f'asks to see something ("{asks.group("word").lower()}")', 0.9)
    then = THEN_ORDER.search(masked)
    if then and not masked.endswith("?") and not _complains(masked[then.start("verb") :]) and not _complains(masked):
        return Intent("change", f'an order ("{then.group("verb").lower()}")', 0.7)
    shown = (
        _shown(masked)
        if asks
        or re.match(
            rf"^\W*(?:the )?(?:logs?|events?|yaml|images?|labels?|status|number)\b|^\W*{NAME}(?:'s)? (?:logs|events|yaml|image|labels)\W*$",
            masked,
        )
        else None
    )
    if shown and not (TROUBLE.search(masked) and not asks):
        return Intent(shown, f'asks to see something ("{(asks.group("word") if asks else shown).lower()}")', 0.85)
    if TROUBLE.search(masked):
        return Intent("diagnose", f'tells of trouble ("{_word(TROUBLE, masked)}")', 0.9)
    if HEALTH.search(masked):
        return Intent("status", "asks whether all is well", 0.85)
    if LISTED_KINDS.match(masked):
        return Intent(_shown(masked) or "list", "names the kind that is to be listed", 0.7)
    if FOREIGN_TROUBLE.search(text):
        return Intent("diagnose", "tells of trouble in another language", 0.7 if named else 0.5)
    if asks:
        return Intent(
            _shown(masked) or ("list" if CLUSTERISH.search(masked) else _outside(masked)),
            f'asks to see something ("{asks.group("word").lower()}")',
            0.9,
        )
    if re.match(rf"^\W*(?:and )?(?:the |what about |how about )?(?:\w+ )?{NAME}(?: \w+)?\W*$", masked):
        return Intent("status", "a name alone asks how it is", 0.5)
    if not CLUSTERISH.search(masked) and not named and (masked.endswith("?") or OUTSIDE.match(masked)):
        return Intent("out_of_scope", "nothing in it is about a cluster", 0.7)
    if masked.endswith("?"):
        return Intent(_shown(masked) or "field", "a plain question", 0.5)
    if FOLLOW_UP.match(masked):
        return Intent("follow_up", "only the question before says what is meant", 0.5)
    if re.match(
        r"^\W*(?:the )?(?:newest|oldest|latest|memory|cpu|number|count|version|containers?|cluster version|images?|namespaces?|nodes?|pods?|deployments?|services?)\b",
        masked,
    ) and not re.search(r"\b(?:is|are|was|were|took|takes|came|answers?)\b", masked):
        return Intent(_shown(masked) or "list", "asks to see something", 0.5)
    return Intent("diagnose", "no word decides; looking is harmless", 0.4)


def _outside(masked: str) -> Want:
    return "out_of_scope" if OUTSIDE.match(masked) else "not_understood"


def _aside(masked: str) -> Want:
    """Which reading a question of a few words wants."""
    if re.search(r"\blogs?\b|\blines? of\b", masked):
        return "logs"
    if re.search(r"\bevents?\b|\bevent history\b", masked):
        return "events"
    if re.match(r"^\W*(?:the )?(?:most|least|oldest|newest|biggest|largest|smallest|top)\b", masked):
        return "top"
    if re.search(r"\bare there\b|\bexist\b", masked) and not re.search(NAME, masked):
        return "explain_concept"
    return "field"


def _with_command(text: str, masked: str, at: int) -> Intent:
    """A text with a kubectl command in it: the command as an order, as a read, or quoted in a question or a complaint."""
    before, command = text[:at].strip(" \"'`“:"), text[at:].strip(" \"'`”")
    low = masked[masked.index("kubectl") :] if "kubectl" in masked else masked
    ends = re.search(rf"[\"'`”]?\s(?:just |simply |always |still |only )?{PREDICATE}", low[8:], re.I)
    asks_first = re.search(r"\b(?:why|how|what|when|should|can i|is it|explain|does|which|who)\b", before, re.I)
    told = re.match(rf"^\W*(?:{POLITE}(?:run|execute|do|try|issue)?)?\W*$", before, re.I) is not None
    quoted = (_cut(command, ends is not None),)
    if asks_first:
        if CAUSE_ASKED.search(before) or re.search(r"\bwhy\b", text, re.I):
            return Intent("diagnose", "asks why a quoted command does not do what it should", 0.9, quoted)
        return Intent("how_to", "asks about a command", 0.85, quoted)
    if ends or CONTRAST.search(low) or TAIL.search(low) or (not told and TROUBLE.search(masked)):
        return Intent("diagnose", "a command quoted in a complaint is no order", 0.9, quoted)
    if not told and not re.match(r"^\W*$", before):
        order = ORDER.match(masked)
        if not order:
            return Intent("how_to", "a command stands in the words, and nothing says to run it", 0.6, quoted)
    if re.match(
        r"kubectl\s+(?:get|describe|logs|top|version|explain|events|api-resources|api-versions|cluster-info|diff|auth|rollout\s+(?:status|history)|config\s+(?:view|get-contexts|current-context))\b",
        command,
        re.I,
    ):
        return Intent("command", "a command that reads", 0.95, quoted)
    if command.rstrip().endswith("?"):
        return Intent("how_to", "asks about a command", 0.8, quoted)
    return Intent("change", "a typed command", 0.95, quoted)


def _cut(command: str, complained: bool) -> str:
    """The command without the complaint behind it."""
    if not complained:
        return command
    found = re.search(rf"\s(?:just |simply |always |still |only )?{PREDICATE}", command[8:], re.I)
    return command[: 8 + found.start()].strip(" \"'`“”") if found else command


def _special(masked: str, text: str) -> Intent | None:
    """Questions with a form of their own: who may, who uses, can A reach B, what changed, what a term means."""
    error = ERROR_TERM.search(masked)
    if error and re.search(r"\bwhat\b|\bmean\w*\b|\bexplain\b|\bwhy\b.{0,10}\bcode\b", masked) and not re.search(NAME, masked):
        return Intent("explain_error", f'asks what it means ("{error.group(0)}")', 0.95)
    if re.search(r"\bwhy\b|\bfix\b|\bdebug\b|\btroubleshoot\b", masked):
        return None
    if WHO_MAY.search(masked):
        return Intent("who_may", f'asks who may ("{_word(WHO_MAY, masked)[:40]}")', 0.9)
    if (
        REACH.search(masked)
        and len(re.findall(NAME, masked)) >= 1
        and not re.search(r"\b(?:i|we) (?:not )?(?:reach|access|connect)|\bnobody\b", masked)
    ):
        return Intent("reach", f'asks whether one reaches another ("{_word(REACH, masked)[:40]}")', 0.9)
    if (
        CHANGES.search(masked)
        and not re.search(r"\b(?:wrong|fail\w*|broken)\b", masked)
        and (
            ASKS.match(masked)
            or masked.endswith("?")
            or re.match(r"^\W*(?:any|recent|latest|last|rollout|revision|history|changes?|timeline)\b", masked)
        )
    ):
        return Intent("changes", f'asks what changed ("{_word(CHANGES, masked)}")', 0.9)
    if (
        USES.search(masked)
        and re.search(NAME, masked)
        and not re.search(
            rf"\bwhich (?:\w+ )?(?:secrets?|config ?maps?|images?|volumes?|ports?|service ?accounts?|nodes?|memory|cpu|resources)\b.{{0,20}}\b(?:does|do|is|are)\b|\bmost\b|\b(?:does|do) (?:the )?(?:\w+ )?{NAME} (?:use|mount|need|reference|depend)",
            masked,
        )
    ):
        return Intent("who_uses", f'asks what refers to it ("{_word(USES, masked)[:40]}")', 0.9)
    return None


def _explained(masked: str, text: str) -> Want:
    """Which kind of explanation a how-question wants."""
    if re.match(
        r"^\W*(?:(?:so|and|please|ok|hey)[, ]+)*(?:how (?:do|can|would|could|should|to)\b|show me how|what(?:'s| is) the (?:command|way|syntax)|what command|which command|teach)",
        masked,
    ):
        if re.match(r"^\W*how (?:does|do) (?:an? |the )?[\w ]{2,40} work", masked) and not re.search(r"\bhow do (?:i|we|you)\b", masked):
            return "explain_concept"
        return "how_to"
    if re.search(r"\bmean(?:s|ing)?\b", masked) and not re.search(NAME, masked):
        return (
            "explain_error"
            if re.search(r"\b(?:error|code|status|reason|state|signal|backoff\w*|err\w*|\w+error|\w+failed)\b|[a-z][A-Z]", text)
            else "explain_concept"
        )
    if re.search(r"\b(?:explain|difference between|what is|what are|what does|tell me about)\b", masked) and not re.search(
        r"\b(?:should|can|could|may|must) (?:i|we)\b", masked
    ):
        return "explain_concept"
    return "how_to"


def _shown(masked: str) -> Want | None:
    """Which kind of reading a question wants, None where only its kind of object says so."""
    table: tuple[tuple[str, Want], ...] = (
        (r"\b(?:yaml|manifest)\b", "yaml"),
        (r"\blogs?\b|\blog lines?\b", "logs"),
        (r"\bevents?\b", "events"),
        (r"\bdescribe\b|\bdetails? (?:of|about|on|for)\b|\btell me about\b", "describe"),
        (rf"^\W*what(?:'s| is| are) (?:an? |the )?(?!xname|xnode|xspace|{NAME})(?:[\w-]+ ?){{1,4}}\??$", "explain_concept"),
        (
            r"\b(?:most|top|biggest|largest|highest|smallest|lowest|least|oldest|newest|youngest|fewest|eating|hungriest|busiest|heaviest)\b",
            "top",
        ),
        (r"\bhow many\b|\bcount\b|\bnumber of\b", "count"),
        (
            rf"\b(?:images?|labels?|annotations?|replicas?|age|how old|ip|address|ports?|requests?|limits?|resources|owner|owns?|taints?|kubelet|capacity|storage ?class|hosts?|selectors?|secrets?|config ?maps?|containers|node)\b.{{0,40}}{NAME}|{NAME}(?:'s)?.{{0,20}}\b(?:images?|labels?|annotations?|replicas?|age|ip|address|ports?|requests?|limits?|resources|owner|taints?|capacity|hosts?|selectors?|run|runs|running)\b",
            "field",
        ),
        (
            r"\b(?:pods?|deployments?|services?|nodes?|namespaces?|jobs?|cron ?jobs?|statefulsets?|daemonsets?|pvcs?|images?|secrets?|config ?maps?|ingress\w*|certificates?)\b",
            "list",
        ),
    )
    concept = re.match(r"^\W*what(?:'s| is| are) (?:an? |the )?(?P<term>[\w -]{2,40}?)\??$", masked)
    for pattern, want in table:
        if want == "explain_concept":
            if concept and not re.search(NAME, masked) and re.match(r"^\W*what(?:'s| is| are) an? ", masked):
                return want
            continue
        if re.search(pattern, masked):
            return want
    return None


def _word(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found.group(0).strip().lower() if found else ""


def _complains(masked: str) -> bool:
    """Whether what begins like an order tells of trouble with it: "scale web to 3 does nothing", "delete pod web-0 but it stays"."""
    main = re.sub(
        r"\b(pods|jobs|deployments) (?:that are |which are )?not (?:running|ready)\b", r"\1", SUBORDINATE.split(masked, maxsplit=1)[0]
    )
    if COMPLAINT.search(main) or (
        TAIL.search(main)
        and re.search(rf"{NAME}|\bof\b|\bup\b|\bdown\b", main)
        and not re.search(r"\b(?:failed|stuck|failing|broken|evicted) \w", main)
    ):
        return True
    return CONTRAST.search(masked) is not None and not re.search(r"\b(?:because|since)\b", masked)


def _is_statement(text: str, order: re.Match[str]) -> bool:
    """True for "restart of web fails", "scale up is slow", "update failed": the verb is the subject there."""
    verb = order.groupdict().get("verb")
    if verb is None:
        return text.rstrip().endswith("?")
    rest = text[order.end("verb") :]
    if re.match(r"^(?:s|ed|ing)\b", rest):
        return True
    if text.rstrip().endswith("?") and not re.match(r"^\W*(?:can|could|would|will) you\b", text, re.I):
        return True
    if re.match(r"^(?: up| down)?\s+of\b", rest) and verb.lower() not in ("get rid of",) and (TAIL.search(text) or TROUBLE.search(rest)):
        return True
    said = STATEMENT.match(rest)
    return bool(said) and not re.search(r"\b(?:because|as|that|which|if|until|while|so)\b", said.group(0) if said else "", re.I)
