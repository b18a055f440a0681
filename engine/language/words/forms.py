"""Questions that are told by their form alone, whatever else they hold: code and commands to write, terms, rights, uses, logs, fields, rankings."""

from __future__ import annotations

import re

from engine.language.request import Want
from engine.language.words.patterns import ASKS, REMEDY_ASKED, TROUBLE

NAME = r"(?:xname|xnode|xspace)"
_START = r"^\W*(?:(?:and|so|ok|okay|please|pls|hey|now|then|also|can you|could you|would you|i need|i want|i would like|we need|show me|give me|tell me|let me see)[,: ]+)*(?:(?:an?|the|some|my|our)\s+)?"
_KIND = r"(?:pods?|deployments?|services?|svc|nodes?|namespaces?|ns|jobs?|cron ?jobs?|stateful ?sets?|daemon ?sets?|pvcs?|claims?|config ?maps?|cm|secrets?|ingress(?:es)?|network ?polic(?:y|ies)|service ?accounts?|sa|volumes?|events|logs?|roles?|leases?|endpoints|replica ?sets?|everything|anything|resources)"
_WORK = r"(?:deployment|service|ingress|http ?route|network ?policy|pod ?disruption ?budget|pdb|hpa|horizontal ?pod ?autoscaler|cron ?job|job|stateful ?set|daemon ?set|pvc|persistent ?volume ?claim|config ?map|resource ?quota|limit ?range|role ?binding|role|cluster ?role|service ?account|priority ?class|storage ?class|secret|pod|namespace)"
_API_VERB = r"(?:get|list|watch|create|update|patch|delete|read|see|view|edit|modify|write|exec(?:ute)?(?: into)?|scale|restart|access|remove|deploy|bind|impersonate|escalate)"
_LINES = r"(?:(?:log )?lines?|logs?|log (?:lines?|output|entries))"

_FIELD = r"(?:cluster ?ips?|external ?ips?|pod ?ips?|ips?|address(?:es)?|(?:readiness|liveness|startup) ?probes?|probes?|target ?ports?|env\w*(?:[ -]?(?:names?|var\w*))?|schedule|labels?|annotations?|selectors?|ports?|node ?ports?|images?|tags?|taints?|tolerations?|node ?selector|service ?account|requests|limits|resources|command|args|volumes?|mounts?|owner|finalizers?|access modes?|storage ?class|capacity|size|hosts?|type|strategy|replicas)"

FORMS: tuple[tuple[Want, str], ...] = (
    # terms that are paths
    ("explain_concept", r"^\W*(?:what (?:is|does)|explain|describe the field)\s+(?:[a-z]+\.)?(?:spec|status|metadata)\.[\w.\[\]]+(?:\s+(?:for|do|mean))?\W*$"),
    # written for copying
    ("how_to", r"\bkubectl (?:commands?|syntax|one[- ]?liners?|calls?)\b|^\W*kubectl\s*:"),
    ("write", rf"^\W*(?:please\s+)?(?:(?:give|show|make|draft) me|i need|we need|i want)\s+an?\s+(?:new\s+)?(?:{_WORK}\s+for|(?:json |merge |strategic )?patch\s+(?:that|which|to|for))\b"),
    ("write", rf"\b(?:example|template|skeleton|sample)s?\s+(?:of|for)\s+(?:an?\s+|the\s+)?(?:new\s+)?{_WORK}\b"),
    ("write", rf"^\W*(?:can|could|would) you (?:please )?(?:write|draft|generate|compose)\b.{{0,40}}\b(?:yaml|manifest|python|script|{_WORK})\b"),
    ("write", rf"^\W*(?:i|we) (?:want|need|would like).{{0,60}}\b{_WORK}\b.{{0,60}}\bas (?:a )?(?:yaml|manifest)\b"),
    ("write", rf"{_START}python\b(?!\s+(?:is|was|pod|pods|app|process|crash\w*|fails?|throws|error))"),
    ("write", rf"^\W*(?:please\s+)?(?:write|draft|compose|generate)\b(?!\s+(?:access|to xname|permission)).{{0,60}}\b(?:yaml|manifest|python|script|{_WORK})\b"),
    ("write", rf"{_START}(?:yaml|manifest)\s+(?:for|of)\s+(?:an?|some)\s+(?:new\s+)?"),
    ("write", rf"{_START}(?:new\s+)?{_WORK}\s+(?:yaml|manifest)\b(?!.{{0,20}}\b(?:fails?|is|was|rejected|refused)\b)"),
    ("how_to", rf"{_START}(?:kubectl\s+(?:commands?|one-?liners?)?\s*(?:to|for|that|which)\b|(?:shell\s+)?command\s+(?:to|for|that|which)\b|one[- ]?liner\b|json ?path\b|custom-?columns\b|go-?template\b)"),
    ("how_to", r"^\W*(?:which|what)\s+(?:kubectl\s+)?(?:command|flag|option|one-?liner)\b"),
    # terms
    ("explain_concept", r"^\W*(?:what|which)\s+(?:(?:kinds?|types?|sorts?)\s+of\s+)?[a-z][\w -]{2,40}?\s+(?:are there|exist|do exist)\b(?:\s+(?:in kubernetes|in k8s|for an? .{1,30}))?\W*$"),
    ("explain_concept", r"^\W*(?:kubectl\s+)?explain\s+[a-z]+(?:\.[a-z]\w*)+"),
    ("list", r"^\W*(?:what|which (?:pods?|workloads?|containers?)|who)\s+(?:is |are |all )*(?:(?:runs?|running|scheduled|placed)\s+)?on\s+(?:the\s+)?(?:node\s+)?xnode(?:\s+(?:right now|now|currently|at the moment))?\W*$"),
    # rights
    ("who_may", rf"^\W*(?:and\s+)?(?:can|may|could|does|is)\s+(?:the\s+)?(?:(?:service ?account|sa|user|group)\s+\S+|{NAME})(?:\s+in\s+(?:the\s+)?(?:namespace\s+)?{NAME})?(?:\s+namespace)?\s+(?:(?:allowed|permitted|able|authori[sz]ed)\s+to\s+|have\s+(?:the\s+)?(?:right|permission)s?\s+to\s+)?{_API_VERB}\s+(?:the\s+|any\s+|all\s+)?{_KIND}\b"),
    ("who_may", rf"^\W*(?:can|may|am)\s+i\s+(?:allowed to\s+)?{_API_VERB}\s+(?:the\s+|any\s+|all\s+)?{_KIND}\b(?!.{{0,12}}\bwithout\b)"),
    ("who_may", r"^\W*(?:which|what)\s+(?:permissions?|rights|roles?)\b.{0,30}\b(?:does|do|has|have)\b.{0,40}" + NAME),
    ("who_may", r"^\W*(?:which|what|list|show)\s+(?:all\s+)?(?:service ?accounts?|users?|groups?|subjects?|identities|everybody|everyone|anyone)\s+(?:that |who |which )?(?:can|may|could|(?:is|are) (?:allowed|able|permitted) to)\b"),
    ("who_may", rf"^\W*(?:which|what)\s+(?:cluster ?)?(?:roles?|role ?bindings?|permissions?|rights)\s+(?:are |is )?(?:bound|given|granted|assigned)?\b.{{0,20}}{NAME}"),
    # uses
    ("who_uses", rf"^\W*(?:find|list|show|give)\s+(?:me\s+)?(?:all\s+|the\s+)*(?:users|consumers|dependents|references)\s+(?:of|to)\b.{{0,40}}{NAME}"),
    ("who_uses", rf"^\W*(?:which|what)\s+(?:{_KIND}|workloads?)\s+(?:runs?|uses?|have|has)\s+(?:the |an? )?images?\b"),
    # reach
    ("reach", rf"^\W*(?:does|do|is|are|which|what|will|would)\b.{{0,30}}\b(?:network ?polic\w+|polic\w+|firewall)\b.{{0,30}}\b(?:block\w*|allow\w*|stop\w*|permit\w*|let\w*|den(?:y|ies))\b.{{0,40}}{NAME}"),
    ("who_uses", rf"^\W*(?:is|are)\s+(?:the\s+)?(?:{_KIND}\s+)?{NAME}(?:\s+{_KIND})?\s+(?:still\s+|even\s+|actually\s+)?(?:used|referenced|mounted|needed|in use)\b(?!.{{0,20}}\bwhy\b)"),
    # logs: what, how many, since when
    ("logs", rf"^\W*(?:(?:is|are) there\s+)?(?:any|find|search|grep|look|filter|show|count|what|how|which|{NAME})\b.{{0,60}}\b(?:in|of|from|through)\s+(?:the\s+)?logs?\s+(?:of|for|from)\b.{{0,30}}{NAME}"),
    ("logs", rf"^\W*(?:count|show|list|give me)\b.{{0,30}}\blines\s+(?:of|from|in)\b.{{0,20}}{NAME}"),
    ("logs", rf"^\W*(?:show|tell|give)\s+me\s+what\s+(?:the\s+)?(?:\w+\s+)?{NAME}\s+(?:logs?|logged|printed|wrote|prints|writes)\b"),
    ("logs", rf"{_START}(?:last|first|newest|latest|recent|final|previous)\s+(?:\d+\s+|few\s+)?{_LINES}\s+(?:of|from|in|for|by)\b.{{0,40}}{NAME}"),
    ("logs", rf"{_START}(?:(?:last|newest|latest)\s+)?(?:logs?|log (?:lines|output|file)|errors? in the logs?)\s+(?:of|from|for)\s+(?:the\s+)?(?:\w+\s+){{0,2}}?{NAME}\W*$"),
    ("logs", rf"^\W*what\s+(?:does|did|is|has)\s+(?:the\s+)?(?:\w+\s+)?{NAME}(?:\s+\w+)?\s+(?:log|logged|logging|write|print|say|printed|output)\b"),
    ("logs", r"\bhow (?:many|often)\b.{0,40}\b(?:lines?|errors?|warnings?|exceptions?|messages?|entries|log\w*)\b.{0,60}\b(?:log|logs|logged|logging|print\w*|write\w*)\b"),
    ("logs", rf"\b(?:errors?|lines|warnings?|exceptions?|messages|requests)\s+(?:per|a|each|every|by)\s+(?:minute|hour|second)\b.{{0,40}}\b(?:logs?\b|{NAME})"),
    ("logs", rf"^\W*(?:find|search|grep|filter|look)\b.{{0,60}}\b(?:in|through)\b.{{0,12}}\b(?:the\s+)?logs?\b|^\W*grep\b.{{0,60}}{NAME}"),
    ("logs", rf"^\W*(?:\w+\s+){{0,3}}?(?:last\s+)?(?:\d+\s+)?(?:lines?|entries|messages)\s+(?:that|which|containing|with|matching)\b.{{0,60}}\b(?:logs?\b|{NAME})"),
    ("logs", rf"^\W*(?:(?:are there |is there )?any )?(?:errors?|warnings?|exceptions?|timeouts?)\s+in\s+(?:the\s+)?(?:\w+\s+)?{NAME}(?:'s)?\s+logs?\W*$"),
    ("logs", rf"^\W*(?:the )?{NAME}[,:]\s+(?:any|are there|is there|how many|find|search)\b.{{0,60}}\b(?:in|from)\s+(?:the|its)\s+logs?\W*$"),
    ("logs", rf"{NAME}[,:]?\s+(?:show me|give me|get|print)\s+(?:the\s+)?(?:last\s+|newest\s+)?(?:\d+\s+)?{_LINES}\W*$"),
    # fields
    ("field", r"^\W*(?:what(?:'s| is)\s+)?(?:the\s+)?(?:kubernetes|k8s|cluster|server|api ?server|xname)\s+version\W*$|\bversion\s+of\s+(?:the\s+)?(?:kubernetes|k8s|cluster|api ?server)\b"),
    ("field", rf"{_START}(?:(?:what|which)\s+(?:is|are)\s+(?:the\s+)?)?{_FIELD}\s+(?:of|on|for|from|in)\s+(?:the\s+)?(?:\w+\s+){{0,2}}?{NAME}\b(?!.{{0,30}}\b(?:wrong|fail\w*|broken|missing|not|gone|why|empty)\b)"),
    ("field", rf"^\W*(?:which|what)\s+{_FIELD}\s+(?:does|do|is|are|has)\s+(?:the\s+)?(?:\w+\s+)?{NAME}(?:\s+\w+)?\s*(?:use|uses|have|has|run(?:ning)?(?: on| as)?|listen(?:ing)?(?: on)?|on|get)?\W*$"),
    ("field", rf"\b(?:spec|status|metadata)\.[a-z]\w*[\w.\[\]]*\s+(?:of|for|on|from|in)\s+(?:the\s+)?(?:\w+\s+)?{NAME}"),
    ("field", rf"^\W*(?:has|does|is|are)\s+(?:the\s+)?(?:\w+\s+)?{NAME}\s+(?:(?:have|got)\s+)?(?:an?\s+|any\s+)?(?:auto-?scal\w+|hpas?)\W*$"),
    ("field", rf"^\W*(?:which|what)\s+network ?polic\w+\s+(?:appl\w+ to|select\w*|cover\w*|affect\w*)\s+(?:the\s+)?(?:\w+\s+)?{NAME}\W*$"),
    ("field", rf"^\W*(?:is|are)\s+(?:the\s+)?(?:\w+\s+)?{NAME}\s+(?:tainted|labell?ed|annotated)\W*$"),
    ("field", rf"{_START}(?:min\w*|max\w*)(?:\s+(?:and|or)\s+(?:min\w*|max\w*))?\s+replicas\s+(?:of|for)\s+(?:the\s+)?(?:\w+\s+)?{NAME}"),
    # rankings, events, comparisons
    ("list", r"^\W*(?:(?:which|what|list|show|do|are|is|any|when)\b.{0,20})?\bcert\w*\b.{0,20}\bexpir\w*|\bexpir\w*\s+cert\w*\W*$"),
    ("list", rf"^\W*(?:(?:list|show|which|all|the|me|find)\s+)*{_KIND}\s+(?:that have |having )?(?:with(?:out)?|lacking|missing)\s+(?:no |any |an? |ready )*(?:endpoints?|limits?|requests?|probes?|(?:memory|cpu|resource) (?:limits?|requests?)|(?:readiness|liveness) probes?|labels?|owner)\b"),
    ("top", r"^\W*(?:what|who|which \w+)\s+(?:eats?|hogs?|burns?|uses? up|consumes?)\s+(?:up\s+)?(?:all |the |most |so much )*(?:cpu|memory|ram|disk)\b"),
    ("top", rf"^\W*(?:(?:show|list|give|find|what|which|is|are|me|the|our|\w+)\s+){{0,4}}?(?:oldest|newest|youngest|largest|biggest|smallest)\s+(?:{_KIND}|images?|workloads?)\b(?!.{{0,30}}\b(?:crash\w*|fail\w*|not|keeps)\b)"),
    ("events", r"^\W*(?:(?:all|recent|latest|last|the)\s+)*warnings\s+(?:in|of|for|from|since|today|by|per)\b"),
    ("events", r"^\W*(?:show|list|give|get)\s+(?:me\s+)?(?:all\s+|the\s+)*warnings\b(?!.{0,30}\blog)|^\W*group\s+(?:the\s+|all\s+)*events\b"),
    ("compare", rf"^\W*how\s+(?:do|does|is|are)\s+(?:the\s+)?(?:\w+\s+)?{NAME}\s+(?:and\s+(?:the\s+)?{NAME}\s+differ|different from\s+(?:the\s+)?{NAME}|differ from\s+(?:the\s+)?{NAME})\W*$|^\W*what(?:'s| is)\s+(?:the\s+)?differen\w+\s+between\s+(?:the\s+)?(?:\w+\s+)?{NAME}\s+and\s+(?:the\s+)?{NAME}\W*$"),
    ("top", rf"{_START}(?:most|top|least)\s+(?:\d+\s+)?(?:restart\w*|cpu|memory|old\w*|expensive|hungry)\b.{{0,30}}$|{_START}(?:top|highest|biggest|largest|oldest|newest)\s+(?:\d+\s+)?(?:restart counts?|pods?|consumers?|{_KIND})\b(?!.{{0,30}}\b(?:crash\w*|fail\w*|not)\b)"),
    ("events", rf"{_START}(?:(?:warning|recent|latest|last|all|cluster|normal)\s+)*events?\b(?:\s+(?:history|list|log|grouped|by|of|for|in|from|on|since|counts?|per)\b.*)?\W*$"),
    ("compare", rf"^\W*(?:what(?:'s| is)\s+(?:the\s+)?)?(?:differences?\s+between|diff(?:\s+between)?|compare)\s+(?:the\s+)?(?:\w+\s+)?{NAME}\s+(?:and|vs\.?|versus|with|to|against)\s+(?:the\s+)?(?:\w+\s+)?{NAME}\W*$|^\W*{NAME}\s+(?:vs\.?|versus)\s+{NAME}\W*$"),
)  # fmt: skip
"""(want, pattern over the words with names taken out); the first that fits wins. A form is a whole way of asking, not a word."""


_TERMS = (
    re.compile(
        r"^\W*(?:(?:and|so|please|ok|hey)[, ]+)*(?:what(?:'?s| is| are| does| do)|(?:can you |please )?explain(?: to me)?|tell me (?:about|what)|define|meaning of|was ist|was sind|qu'est-ce qu'?(?:un|une|le|la)?|que es|qu[eé] es)\s+(?:an?\s+|the\s+|ein\w*\s+|un\w*\s+)?(?P<term>[\w ./-]{2,50}?)(?:\s+(?:of|for|in|on)\s+(?:an?|the|kubernetes)\b[\w ]*)?(?:\s+(?:is|are|mean\w*|stand\w* for|in kubernetes|in k8s|good for|do|used for|in general|generally))*\W*$",
        re.I,
    ),
    re.compile(
        r"^\W*(?P<term>[\w ./-]{2,50}?)\s*[-,:–]+\s*(?:what (?:is|does) (?:it|that|this)(?: mean)?|what'?s that|mean(?:ing|s)?(?: what)?|explain)\W*$",
        re.I,
    ),
)
"""Ways to ask for a term by its name; they count only where the glossary has it."""


_MEANING = re.compile(r"\b(?:exit|return) ?(?:code|status)\s+\d{1,3}\b|\bsignal\s+\d{1,2}\b", re.I)
_TELLS_OF = re.compile(
    r"\b(?:pods?|container|job|it|app|workloads?|deployment)\b.{0,20}\b(?:exits?|exited|fails?|keeps?|died|crash\w*|terminat\w*|stops?|ends?)\b",
    re.I,
)


def _about_terms(masked: str) -> bool:
    """Whether a text without names asks what tells two terms apart, or what an exit code means."""
    from engine.language.answers.glossary.entries import difference

    if _MEANING.search(masked):
        return _TELLS_OF.search(masked) is None and len(masked.split()) < 14
    return difference(masked) is not None


def _is_term(term: str) -> bool:
    from engine.language.answers.glossary.entries import find

    found = find(term)
    return found is not None and not found.corrected


_FAULTY = re.compile(
    r"\b(?:keeps?|crash\w*|rejected|refused|fails|failing|failed|broken|throws|won'?t|doesn'?t|does not|is (?:not|wrong|invalid))\b", re.I
)
_DESCRIBED = re.compile(
    r"^\W*(?:please\s+)?(?:write|generate|draft|give|show|i need|i want|can you|could you)\b|\b(?:that|which|to|whose|listing|printing|for)\s",
    re.I,
)
"""A fault that is told of something to be written is its purpose ("python that lists failing pods"), else it is a complaint."""


def tells_of_fault(masked: str) -> bool:
    """Whether a text that speaks of code or a manifest says that it is at fault."""
    return bool(_FAULTY.search(masked)) and not _DESCRIBED.search(masked)


def tells_of_trouble_first(masked: str) -> bool:
    """Whether a symptom is stated before a guess ("X stays Pending, do we need bigger nodes?")."""
    first, _, rest = masked.partition("," if "," in masked else ". ")
    told = TROUBLE.search(first) or re.search(r"\b(?:has|have) been \w+ing\b|\bstays\b", first) or REMEDY_ASKED.match(rest)
    return bool(told and rest.strip()) and not ASKS.match(first) and not re.match(r"^\W*(?:how|should|can|is|are|do|explain|if)\b", first)


def by_form(masked: str) -> tuple[Want, str] | None:
    """The want that the form of a question tells, with the words that do; None where the form tells nothing."""
    if re.search(r"\bwhy\b|\bhow come\b|\btroubleshoot\b|\bdebug\b", masked):
        return None
    if not re.search(NAME, masked) and _about_terms(masked):
        return "explain_concept", masked[:40]
    term = next((found["term"] for shape in _TERMS if (found := shape.match(masked))), "")
    if term and not re.search(r"\b(?:there|here)$", term) and _is_term(term):
        return "explain_concept", term[:40]
    for want, pattern in FORMS:
        found = re.search(pattern, masked, re.I)
        if found and want == "write" and tells_of_fault(masked):
            continue
        if found:
            return want, found.group(0).strip()[:40]
    return None
