"""Which contexts start read-only: by patterns of their names, and by words in the names of context, cluster and server."""

from engine.core.config import Settings
from engine.core.target import is_protected


def test_words_that_mean_production_protect_a_context_by_its_own_its_clusters_or_its_servers_name() -> None:
    patterns = Settings().policy.protected_contexts
    rows = {
        ("prd-eu", "", ""): True,
        ("eu.prd1", "", ""): True,
        ("admin@cluster", "acme-production", ""): True,
        ("admin@cluster", "", "https://api.live.acme.example:6443"): True,
        ("admin@cluster", "", "https://api-prod2.acme.example"): True,
        ("PROD", "", ""): True,
        ("myprod", "", ""): True,
        ("staging", "stage", "https://api.stage.example"): False,
        ("dev", "delivery", "https://olive.products.example"): False,
        ("dev", "sprdx", ""): False,
    }
    assert {row: is_protected(row[0], patterns, *row[1:]) for row in rows} == rows


def test_a_pattern_of_ones_own_is_of_the_contexts_whole_name() -> None:
    assert is_protected("team-a-core", ("team-a-*",))
    assert not is_protected("dev", ("team-a-*",), "team-a-core")
    assert not is_protected("prod", ())
