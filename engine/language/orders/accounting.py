"""Whether a plan holds all that its order says: every object, number and name stands in a command, or the order is not carried out."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.language.linking.linker import Links
from engine.language.orders.plan import Order
from engine.language.words.vocabulary import ORDINARY, ROLES

_NUMBER = re.compile(r"(?<![\w.:/@=-])(\d+(?:\.\d+)?(?:m|[KMGTP]i?)?)(?=\s*(?:%|percent)|[\s,;.!?]|$)(?![\w/:-])")


def left_out(text: str, links: Links, orders: Sequence[Order], used: str) -> list[str]:
    """The parts of an order that no command of the plan holds; `used` are words that the makers say they took into account."""
    commands = " ".join(order.command for order in orders)
    held = f"{commands} {' '.join(order.words for order in orders)} {used}"
    missing: list[str] = []
    by_word: dict[str, list[str]] = {}
    for linked in links.objects:
        by_word.setdefault(linked.word, []).append(linked.ref.name)
    for word, names in by_word.items():
        if not any(name in held for name in names):
            missing.append(word)
    for linked in links.objects:  # "service web and deployment web" are two objects of one name
        kind, name = linked.ref.kind.lower(), re.escape(linked.ref.name)
        said = re.search(rf"\b(\w+)[ /]{name}(?![\w-])", text, re.I) and len(re.findall(rf"(?<![\w-]){name}(?![\w-])", text, re.I)) > 1
        if said and not re.search(rf"\b{kind}s?[ /]{name}(?![\w-])", commands):
            missing.append(f"{kind} {linked.ref.name}")
    for unknown in links.unknown:
        if unknown.word not in held:
            missing.append(unknown.word)
    if links.namespace and f" {links.namespace}" not in f" {commands} ".replace("/", " "):
        missing.append(f"namespace {links.namespace}")
    bare = _without_spans(text, links)
    missing += [number for number in _NUMBER.findall(bare) if not re.search(rf"(?<!\d){re.escape(number)}(?!\d)", held)]
    for word in strange_words(text, links, orders, used):  # "restart web and the foobar deployment" names a second object
        kinds = r"(?:deployment|stateful ?set|daemon ?set|service|pod|node|namespace|cron ?job|job)s?"
        if re.search(rf"\b{kinds}\s+{word}(?![\w-])|(?<![\w-]){word}\s+{kinds}\b", text, re.I):
            missing.append(word)
    return list(dict.fromkeys(missing))


def strange_words(text: str, links: Links, orders: Sequence[Order], used: str) -> list[str]:
    """Plain words of an order that are neither of the language nor in a command: said beside the plan, for a person to judge."""
    held = f"{' '.join(order.command for order in orders)} {' '.join(order.words for order in orders)} {used}".lower()
    words = re.findall(r"(?<![\w=/.:-])[a-z][a-z-]{2,}(?![\w=/:.-])", _without_spans(text, links).lower())
    return [
        word
        for word in dict.fromkeys(words)
        if word not in ORDINARY and word not in ROLES and word not in held and not word.endswith(("ly", "ing"))
    ]


def _without_spans(text: str, links: Links) -> str:
    for start, end, _ in sorted(links.spans, reverse=True):
        text = f"{text[:start]} {text[end:]}"
    return text
