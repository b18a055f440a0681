"""Which of the three tiers a query belongs to, by its words alone, and why.

A question never becomes an action: "how do I restart…", "what happens if I delete…", "should I scale…" are informational, whatever
verbs they hold. An action needs an order: an action verb where a sentence's own verb stands. Where the words do not decide,
the confidence is low (below `UNSURE`) and a model may be asked; what stays unsure is treated as troubleshooting, which only reads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.core.types import Tier

UNSURE = 0.6

_ACTION_VERBS = (
    "delete|remove|scale|create|restart|bounce|recycle|redeploy|patch|cordon|uncordon|drain|evict|rollback|roll back|undo|apply|"
    "set|label|annotate|taint|untaint|edit|kill|stop|start|pause|resume|suspend|unsuspend|rollout|increase|decrease|raise|lower|bump|"
    "get rid of|bring back|resize|expose|replace|change|update|upgrade|downgrade|trigger|rerun|re-run|add|disable|enable|deploy|install|uninstall|terminate|"
    "autoscale|unset|unpause|reduce|run (?:the |a )?cron ?job|"
    "kubectl (?:delete|scale|rollout restart|rollout undo|apply|create|patch|set|label|annotate|taint|cordon|uncordon|drain|edit|replace)"
)
_POLITE = (
    r"(?:(?:please|pls|ok|okay|hey|hi|now|then|and|so|just|go ahead and|go on and|let'?s|i want (?:you )?to|i'?d like (?:you )?to|"
    r"i need (?:you )?to|(?:can|could|would|will) you(?: please)?|you (?:should|must|can)|we (?:need|have) to|proceed to|kindly)[,: ]+)*"
)
_ORDER = re.compile(rf"^\W*{_POLITE}(?P<verb>{_ACTION_VERBS})\b", re.I)
_THEN_ORDER = re.compile(
    rf"(?:[.;,!?]|\bthen\b|\band\b)\s+{_POLITE}(?P<verb>delete|scale|restart|cordon|uncordon|drain|roll ?back)\s+\S", re.I
)

_REPLICAS = re.compile(
    rf"^\W*{_POLITE}(?:make|bring|put|run|give|take|get|want)\b.{{0,60}}\b(?P<count>(?:\d+|one|two|three|four|five|six|another|more|fewer|no|zero)\s+"
    r"(?:more\s+)?(?:replicas?|instances?|copies|pods))\b",
    re.I,
)
_HOW = re.compile(
    r"\b(?:how (?:do|can|would|could|should|to|does|did|is|are)|how'?s|what (?:happens|would happen|if|does|is the (?:command|way|syntax|difference))|"
    r"(?:should|can|could|may|must|do|shall) (?:i|we)\b|is it (?:safe|ok|possible)|explain|tell me (?:how|about)|"
    r"what command|which command|show me how|teach|difference between|meaning of|what does .* mean)",
    re.I,
)
_CODE = re.compile(
    r"\b(?:generate|write|give me|create|make|draft|produce)\b.{0,40}\b(?:script|code|snippet|yaml|manifest|commands?|one-?liner|program|example|template)\b",
    re.I,
)
_BETTER = re.compile(rf"^\W*{_POLITE}(?P<word>optimi[sz]e|right-?size|tune|improve|review)\b", re.I)
_ASKS = re.compile(
    r"^\W*(?:(?:please|pls|can you|could you|would you|will you|i want to|i'?d like to|i need to|let me|help me)\s+)*"
    r"(?P<word>who|what|which|where|when|show|list|get|describe|display|print|count|how many|how much|how old|how long|give me|tell me|find|"
    r"is there|are there|do we have|does|fetch|view|see|check|top|compare|summari[sz]e|logs? (?:of|for|from)|kubectl (?:get|describe|logs|top|version|explain))\b",
    re.I,
)
_TROUBLE = re.compile(
    r"(?P<word>\b(?:debug|troubleshoot|diagnose|investigate|analy[sz]e|fix|repair|why|root cause|wrong|issue|issues|problem|problems|error|errors|erroring|"
    r"fail|fails|failed|failing|failure|broken|broke|breaks|crash\w*|oom\w*|restarts?|restarting|restarted|stuck|hang|hangs|hanging|hung|pending|"
    r"unhealthy|unavailable|unreachable|unresponsive|down|dead|dying|dies|killed|evicted|refused|refuses|rejected|denied|forbidden|timed? ?outs?|timing out|"
    r"slow|degraded|flapping|50[0234]|40[134]|429|x509|nxdomain|imagepull\w*|errimage\w*|\w+backoff\w*|createcontainer\w*|notready|not ready|missing|lost|"
    r"disappeared|vanished|throttl\w*|leak\w*|complain\w*|weird|strange|odd|unexpected\w*|dirty|panic\w*|deadlock\w*|exceeded|invalid|empty)\b|"
    r"\b(?:not|never|no longer|won'?t|can'?t|cannot|can not|doesn'?t|does not|isn'?t|aren'?t|didn'?t|hasn'?t|haven'?t|couldn'?t|unable|nobody|nothing|no) )",
    re.I,
)
_HEALTH = re.compile(
    r"\b(?:everything|all|anything|it)\b.{0,20}\b(?:ok|okay|fine|healthy|good|alright|up|well|green|normal)\b|\bhealth(?:y)?\b", re.I
)
_SHOW_STATE = re.compile(
    r"^\W*(?:please\s+)?(?:show|list|get|display|print|count|which|how many|give me|find|are there|is there|what)\b", re.I
)
_CAUSE_ASKED = re.compile(
    r"\bwhy\b|\bwhat(?:'?s| is| are| was| went| has| have)?\b.{0,12}\b(?:wrong|going on|happening|happened|the matter|broken|breaking|failing|causing|caus\w+|"
    r"the (?:root )?cause|the (?:problem|issue|reason))\b|\broot cause\b|\b(?:debug|troubleshoot|diagnose|investigate|fix|analy[sz]e)\b|\bhow come\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Intent:
    """The tier, why in a few words, and how sure the words are (0..1; below `UNSURE` a model may decide)."""

    tier: Tier
    reason: str
    confidence: float


def classify(query: str) -> Intent:
    """The tier of a query."""
    text = " ".join(query.split())
    if not text:
        return Intent("informational", "nothing was asked", 0.0)
    how = _HOW.search(text)
    if how:
        told_to = re.match(rf"^\W*{_POLITE}(?:{_ACTION_VERBS})\b", text, re.I)
        if not told_to or text.rstrip().endswith("?"):
            if _CAUSE_ASKED.search(text) and not re.match(r"^\W*(?:how|what command|which command|explain|show me how)\b", text, re.I):
                return Intent("troubleshooting", f'asks for a cause ("{_word(_CAUSE_ASKED, text)}")', 0.85)
            return Intent("informational", f'asks how or whether ("{how.group(0).lower()}")', 0.95)
    wanted = _REPLICAS.match(text)
    if wanted and not text.endswith("?"):
        return Intent("action", f'asks for a number of replicas ("{wanted.group("count").lower()}")', 0.8)
    code = _CODE.search(text)
    if code:
        return Intent("informational", f'asks for something to be written ("{code.group(0).lower()}")', 0.9)
    better = _BETTER.match(text)
    if better:
        return Intent("informational", f'asks for advice ("{better.group("word").lower()}")', 0.85)
    order = _ORDER.match(text)
    if order and not _is_statement(text, order):
        return Intent("action", f'an order ("{order.group("verb").lower()}")', 0.95)
    if _CAUSE_ASKED.search(text):
        return Intent("troubleshooting", f'asks for a cause ("{_word(_CAUSE_ASKED, text)}")', 0.95)
    asks = _ASKS.match(text)
    if asks and _SHOW_STATE.match(text):
        return Intent("informational", f'asks to see something ("{asks.group("word").lower()}")', 0.9)
    then = _THEN_ORDER.search(text)
    if then and not text.endswith("?"):
        return Intent("action", f'an order ("{then.group("verb").lower()}")', 0.7)
    trouble = _TROUBLE.search(text)
    if trouble:
        return Intent("troubleshooting", f'tells of trouble ("{trouble.group("word").strip().lower()}")', 0.9)
    if _HEALTH.search(text):
        return Intent("troubleshooting", "asks whether all is well", 0.85)
    if asks:
        return Intent("informational", f'asks to see something ("{asks.group("word").lower()}")', 0.9)
    if text.endswith("?"):
        return Intent("informational", "a plain question", 0.5)
    return Intent("troubleshooting", "no word decides; looking is harmless", 0.4)


def _word(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found.group(0).strip().lower() if found else ""


_STATEMENT = re.compile(
    r"^(?:\s+(?:of|in|on|for|to|from|the|a|an|my|our|pods?|deployments?|jobs?|services?))*(?:\s+[\w./-]+)?\s+"
    r"(?:is|are|was|were|has|have|had|does|did|do|keeps?|kept|fails?|hangs?|never|always|takes|took|breaks|gets|got|"
    r"(?:failed|broke|hung)(?=\s*$|\s+(?:yesterday|today|again|at|on|with|because|since|after|when)\b)|"
    r"won'?t|can'?t|cannot|doesn'?t|didn'?t|isn'?t)\b",
    re.I,
)


def _is_statement(text: str, order: re.Match[str]) -> bool:
    """True for "restart of web fails", "scale up is slow", "update failed": the verb is the subject there."""
    rest = text[order.end("verb") :]
    if re.match(r"^(?:s|ed|ing)\b", rest):
        return True
    if text.rstrip().endswith("?") and not re.match(r"^\W*(?:can|could|would|will) you\b", text, re.I):
        return True
    said = _STATEMENT.match(rest)
    return bool(said) and not re.search(r"\b(?:because|as|that|which|if|until|while|so)\b", said.group(0) if said else "", re.I)
