"""Text to terms: what an API writes as one word meets what a person types as several."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.analyzer import Analysis, analysis, fingerprint, read_synonyms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CrashLoopBackOff", ["crashloopbackoff", "crash", "loop", "back", "off"]),
        ("OOMKilled", ["oomkil", "oom", "kill"]),
        ("crash-loop", ["crash", "loop", "crashloop"]),
        ("PVCs", ["pvc"]),
        ("x509", ["x509"]),
        ("kube-system", ["kube", "system", "kubesystem"]),
        ("the pod is restarting", ["pod", "restart"]),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    assert Analysis().terms(text) == expected


def test_words_of_one_family_share_a_stem() -> None:
    terms = Analysis().terms
    assert terms("restarts") == terms("restarting") == terms("restarted")


@pytest.mark.parametrize("noise", ["7d9f6b5c4", "x2lqp", "5m12s", "40m", "2026", "3b1f6d0a4f0c4c4e", "10.244.1.7", "0/1"])
def test_ages_suffixes_digests_and_addresses_are_left_out(noise: str) -> None:
    assert set(Analysis().terms(noise)) <= {"0", "1", "10", "244"}


def test_exit_codes_and_http_codes_stay() -> None:
    assert Analysis().terms("exit code 137, status 503") == ["exit", "code", "137", "statu", "503"]


def test_synonyms_widen_the_question_at_a_lower_weight() -> None:
    widened = Analysis(read_synonyms("oom = OOMKilled  # comment\nout memory = OOMKilled\nnonsense line\n= x\n"))

    assert widened.question("oom again") == {"oom": 1.0, "oomkil": 0.6, "kill": 0.6}
    assert widened.question("memory out")["memori"] == 1.0
    assert "oomkil" not in widened.question("memory out")
    assert widened.terms("oom") == ["oom"]


def test_the_shipped_synonyms_are_read_and_a_file_of_ones_own_replaces_them(tmp_path: Path) -> None:
    own = tmp_path / "mine.txt"
    own.write_text("ledger = accounting\n")

    assert "persistentvolumeclaim" in analysis().question("pvc")
    assert analysis(own).question("ledger pvc") == {"ledger": 1.0, "pvc": 1.0, "account": 0.6}


def test_the_fingerprint_is_of_the_source_and_stays_within_a_run() -> None:
    assert fingerprint() == fingerprint()
    assert len(fingerprint()) == 8


def test_words_of_other_languages_are_words_and_endless_ones_are_not() -> None:
    assert Analysis().terms("Größe 日本語 " + "a" * 5000) == ["größe", "日本語"]
