"""The lexer reads what a shell would read the same way, and refuses the rest."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.commands.parsing.lexer import MAX_CHARACTERS, Refused, parse


def argvs(text: str) -> list[tuple[str, ...]]:
    return [stage.argv for stage in parse(text).stages]


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("kubectl get pods", ("kubectl", "get", "pods")),
        ("  kubectl   get  pods ", ("kubectl", "get", "pods")),
        ("'kubectl' \"get\" po'd's", ("kubectl", "get", "pods")),
        ("grep 'a | b && c ; $x `y`'", ("grep", "a | b && c ; $x `y`")),
        ('grep "a\\"b\\\\c"', ("grep", 'a"b\\c')),
        ('awk "{print \\$1}"', ("awk", "{print $1}")),
        ('grep -E "^web-[0-9]+$"', ("grep", "-E", "^web-[0-9]+$")),
        ("grep ''", ("grep", "")),
        ("kubectl get pods -o custom-columns=A:.spec.x[*].y", ("kubectl", "get", "pods", "-o", "custom-columns=A:.spec.x[*].y")),
        ("kubectl get pods --field-selector=status.phase!=Running", ("kubectl", "get", "pods", "--field-selector=status.phase!=Running")),
    ],
)
def test_words_are_read_as_a_shell_reads_them(text: str, argv: tuple[str, ...]) -> None:
    assert argvs(text) == [argv]


def test_a_script_has_parts_stages_and_operators() -> None:
    script = parse("a b | c 2>/dev/null && d 2>&1 || e; f")
    assert [part.operator for part in script.parts] == ["", "&&", "||", ";"]
    assert [stage.argv for stage in script.parts[0].stages] == [("a", "b"), ("c",)]
    assert script.parts[0].stages[1].drop_stderr
    assert script.parts[1].stages[0].merge_stderr


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "a\nb",
        "a\r\nb",
        "a\tb",
        "a\0b",
        "a \x1b[31m",
        "a\x85b",
        "a\u2028b",
        "a\u00a0b",
        "a \u2066b",
        "a\u200bb",
        "a \uff0d\uff0db",
        "a \ufb01",
        "a \ue000",
        "a \u3164",
        "x" * (MAX_CHARACTERS + 1),
        ";".join(["a"] * 9),
        "a |",
        "| a",
        "a && ",
        "a ;; b",
        "a &",
        "a |& b",
        "a > b",
        "a >> b",
        "a < b",
        "a << b",
        "a 1>&2",
        "a2>&1",
        "a 2>&1b",
        "a $b",
        "a ${b}",
        "a $(b)",
        "a `b`",
        'a "$b"',
        'a "`b`"',
        "a $'b'",
        "(a)",
        "{ a; } > b",
        "a \\b",
        "a 'b",
        'a "b',
        "A=b c",
        "A+=b c",
        "! a",
        "a # b",
        "~/a",
        "a --b=~/c",
        "for a in b",
        "eval a",
        "exec a",
        "'' a",
    ],
)
def test_what_is_not_read_exactly_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(text)
    assert refused.value.reason.endswith(".")


def test_letters_of_other_languages_pass_the_gate() -> None:
    assert argvs("grep '接続エラー'") == [("grep", "接続エラー")]


WORD = st.text(alphabet="ab -=./:,'\"\\[]{}*?$|;&<>()#~!@%+^", min_size=1, max_size=12)


@given(st.lists(WORD, min_size=1, max_size=5))
def test_a_quoted_argv_comes_back_as_it_was(words: list[str]) -> None:
    argv = ["x", *words]
    assert argvs(shlex.join(argv)) == [tuple(argv)]


@given(st.text(alphabet="ab '\"\\=-./|", max_size=30))
def test_an_accepted_word_list_is_the_one_that_shlex_reads(text: str) -> None:
    try:
        script = parse(text)
    except Refused:
        return
    if len(script.stages) == 1:
        assert list(script.stages[0].argv) == shlex.split(text)
