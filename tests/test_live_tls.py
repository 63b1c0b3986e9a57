"""A page for others on the network: a certificate of this machine's own, kept from start to start."""

import datetime
import ssl
import urllib.request
from pathlib import Path

from live import chromium, open_page, probe
from tenku.api.addresses import machine_names
from tenku.api.certificate import ensure_certificate

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def test_the_page_is_secure_and_plays(tmp_path: Path) -> None:
    with probe(tmp_path, "--tls", "--host", "127.0.0.1") as (live, log), chromium() as browser:
        assert live.url().startswith("https://")
        page = open_page(browser, live.url(), ignore_https_errors=True)
        assert page.evaluate("isSecureContext")
        page.keyboard.press("KeyE")
        log.wait("down", key="e")
        trusted = ssl.create_default_context(cafile=str(tmp_path / "tls" / "cert.pem"))
        with urllib.request.urlopen(live.url(), context=trusted) as answer:
            assert answer.status == 200


def test_the_certificate_is_kept_while_it_is_good(tmp_path: Path) -> None:
    names = machine_names("127.0.0.1")
    cert, key = ensure_certificate(tmp_path, names=names, now=NOW)
    first = cert.read_bytes()
    assert key.stat().st_mode & 0o077 == 0
    ensure_certificate(tmp_path, names=names, now=NOW + datetime.timedelta(days=300))
    assert cert.read_bytes() == first
    ensure_certificate(tmp_path, names=[*names, "192.0.2.9"], now=NOW)
    second = cert.read_bytes()
    assert second != first
    ensure_certificate(tmp_path, names=names, now=NOW + datetime.timedelta(days=340))
    assert cert.read_bytes() != second


def test_a_damaged_certificate_is_made_anew(tmp_path: Path) -> None:
    names = machine_names("127.0.0.1")
    cert, _ = ensure_certificate(tmp_path, names=names, now=NOW)
    cert.write_text("no certificate")
    ensure_certificate(tmp_path, names=names, now=NOW)
    assert b"BEGIN CERTIFICATE" in cert.read_bytes()
