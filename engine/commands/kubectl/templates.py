"""Judges output templates: they choose fields, and may not print values apart from the names that tell a secret from other text."""

from __future__ import annotations

import re

from engine.commands.kubectl.call import Call
from engine.commands.parsing.verdicts import refusal
from engine.core.redaction.patterns import sensitive_name

FORMS = ("jsonpath", "jsonpath-as-json", "custom-columns", "go-template", "template")
_REACHES = re.compile(
    r"(?<![A-Za-z])(?:env|args|data|stringData|binaryData)(?![A-Za-z])"
    r"|\.\.(?![A-Za-z])|\.\*|(?<![\w'\"])\[\*\]|(?<=[{(,\s])[.@](?=[}\s|,)])|\\[ux]"
)
"""Fields whose values may be secrets, and every way to walk through fields without naming them."""
_LAST_FIELD = re.compile(
    r"\.([A-Za-z]\w*)(?=[}\s|,)]|$)|\[\s*['\"]([\w-]+)['\"]\s*\](?=[}\s|,)]|$)|\bindex\s[^}]*[\"`]([\w-]+)[\"`]\s*(?=[}|)])"
)
"""The field that a path ends in, in each of the ways to write it."""
_REFERENCES = frozenset({"secretName", "automountServiceAccountToken", "tokenExpirationSeconds"})
"""Fields that name or describe a credential and hold none."""
_ANYWHERE = re.compile(r"\.\.([A-Za-z][\w.*\[\]]*)")
_COMPARED = re.compile(r"@\.[\w.]+\s*[=!]=\s*(?:\"[^\"]*\"|'[^']*')")
_LITERAL = re.compile(r"\{\s*(?:\"[^\"]*\"|'[^']*')\s*\}")
_KEY_OF_DATA = re.compile(r"\.data\.((?:[\w-]|\\\.)+)(?=[}\s,|)])")
_NAMES_OF_ENV = re.compile(r"\.env\[[*\d]*\]\.(?:name|valueFrom)(?=[.}\s|,)])")
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|`[^`]*`")
_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_WORD = re.compile(r"(?<![.$\w])[A-Za-z_]\w*")
_WORDS = frozenset("range if else end with eq ne lt le gt ge and or not len index exists true false nil break continue".split())


def check(call: Call) -> None:
    """Raise `Refused` for a template, sort order or condition that reaches for such values."""
    outputs = [output.partition("=") for output in call.parsed.all("output")]
    go = [body for form, _, body in outputs if form in ("go-template", "template")] + list(call.parsed.all("template"))
    paths = [body for form, _, body in outputs if form in FORMS and form not in ("go-template", "template")]
    paths += [*call.parsed.all("sort-by"), *(value for value in call.parsed.all("for") if value.startswith("jsonpath"))]
    for body in go:
        for action in _ACTION.findall(body):
            unknown = set(_WORD.findall(_STRING.sub("", action))) - _WORDS
            if unknown:
                raise refusal("kubectl.template", f"The function {min(unknown)!r} is not used in a template here.")
    for body in [*go, *(_LITERAL.sub("", _COMPARED.sub("", path)) for path in paths)]:
        body = _NAMES_OF_ENV.sub("", body)
        if any(
            field in ("value", "values") or sensitive_name(field) for path in _ANYWHERE.findall(body) for field in re.findall(r"\w+", path)
        ):
            raise refusal(
                "kubectl.template", "Values are looked for anywhere in the object, so secrets among them would not be recognised."
            )
        if any(sensitive_name(name) for groups in _LAST_FIELD.findall(body) for name in groups if name and name not in _REFERENCES):
            raise refusal("kubectl.template", "The template prints a field that holds a credential, whose value is never shown.")
        if _REACHES.search(_KEY_OF_DATA.sub(lambda match: match[0] if sensitive_name(match[1]) else "", body)):
            raise refusal(
                "kubectl.template",
                "The template can print values of variables, arguments or data without their names, so that secrets would not be "
                "recognised; name other fields, or use -o yaml, where they are.",
            )
