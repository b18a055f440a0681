"""Which address a host means, and which of them is this machine."""

from __future__ import annotations

import pytest

from engine.llm import is_loopback
from engine.llm.settings import address


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("models.lan", "http://models.lan:11434"),
        ("models.lan:9000/", "http://models.lan:9000"),
        (":9000", "http://127.0.0.1:9000"),
        ("http://models.lan", "http://models.lan:80"),
        ("https://models.lan", "https://models.lan:443"),
        ("https://models.lan/ollama/", "https://models.lan:443/ollama"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("http://0.0.0.0:11434", "http://127.0.0.1:11434"),
        ("[::1]:11434", "http://[::1]:11434"),
        ('"127.0.0.1:1"', "http://127.0.0.1:1"),
    ],
)
def test_a_host_is_read_as_ollama_reads_it(host, url):
    assert address(host).url == url


def test_without_a_host_the_environments_counts(monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "gpu-box:1234")
    assert address().url == "http://gpu-box:1234"
    assert address("other").url == "http://other:11434"


@pytest.mark.parametrize("host", ["http://models.lan", "http://models.lan/api"])
def test_a_bare_http_host_is_remembered_as_guessed(host):
    assert address(host).port_guessed
    assert not address("http://models.lan:80").port_guessed


@pytest.mark.parametrize("host", ["ftp://models.lan", "http://models.lan:port", "http://models.lan:99999", "unix:///run/x"])
def test_what_is_no_address_is_said(host):
    with pytest.raises(ValueError, match="the address of a model server"):
        address(host)


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("", True),
        ("localhost:11434", True),
        ("http://LOCALHOST", True),
        ("127.8.9.1", True),
        ("[::1]:1", True),
        ("0.0.0.0", True),
        ("dev.localhost", True),
        ("10.0.0.7", False),
        ("localhost.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost@example.com", False),
        ("ftp://localhost", False),
    ],
)
def test_only_this_machine_is_loopback(host, here):
    assert is_loopback(host) is here
