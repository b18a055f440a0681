"""Consent: a model server on another machine is used after a yes, which is kept for that host alone."""

import json
from pathlib import Path

from engine.llm.host_consent import HostConsent


def test_a_yes_is_kept_for_that_host_readable_by_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "state" / "model-hosts.json"
    consent = HostConsent(file=file)
    assert not consent.allows("gpu-box")
    consent.allow("GPU-box")
    assert consent.allows("gpu-box")
    assert HostConsent(file=file).allows("gpu-box")
    assert not HostConsent(file=file).allows("gpu-box.evil.example")
    assert file.stat().st_mode & 0o777 == 0o600
    HostConsent(file=file).allow("other")
    assert json.loads(file.read_text()) == {"hosts": ["gpu-box", "other"]}


def test_the_settings_allow_without_asking_and_write_nothing(tmp_path: Path) -> None:
    assert HostConsent(["gpu-box"], tmp_path / "f").allows("GPU-BOX")
    assert not (tmp_path / "f").exists()


def test_without_a_file_a_yes_holds_for_the_session() -> None:
    consent = HostConsent()
    consent.allow("gpu-box")
    assert consent.allows("gpu-box")
    assert not HostConsent().allows("gpu-box")


def test_a_damaged_file_means_no_and_is_replaced_by_the_next_yes(tmp_path: Path) -> None:
    file = tmp_path / "f"
    for damage in ("", "[]", '{"hosts": "gpu-box"}', '{"hosts": [1]}', "\x00"):
        file.write_text(damage)
        assert not HostConsent(file=file).allows("gpu-box")
    HostConsent(file=file).allow("gpu-box")
    assert HostConsent(file=file).allows("gpu-box")


def test_a_folder_that_cannot_be_written_keeps_the_yes_for_the_session(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    consent = HostConsent(file=tmp_path / "file" / "f")
    consent.allow("gpu-box")
    assert consent.allows("gpu-box")
