"""What is shipped is listed, under licences that are allowed, and asked after for holes."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from scripts.supply_chain import audit, licences
from scripts.supply_chain.licences import Component, faults, is_allowed

PROJECT = Path(__file__).resolve().parents[2]
LOCK = PROJECT / "requirements.lock"
OF_OTHER_SYSTEMS = {"colorama", "uvloop"}


@pytest.mark.parametrize(
    "licence",
    [
        "MIT",
        "Apache-2.0 OR GPL-3.0-only",
        "MIT AND PSF-2.0",
        "BSD-2-Clause AND Apache-2.0 WITH LLVM-exception",
        "License :: OSI Approved :: BSD License",
    ],
)
def test_licences_that_ask_for_little_are_allowed(licence: str) -> None:
    assert is_allowed([licence])


@pytest.mark.parametrize(
    "licence",
    [
        "GPL-3.0-only",
        "MIT AND AGPL-3.0-only",
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "License :: Other/Proprietary License",
        "UNKNOWN",
    ],
)
def test_other_licences_are_not(licence: str) -> None:
    assert not is_allowed([licence])
    assert not is_allowed(["MIT", licence])


def test_a_package_without_a_licence_is_refused() -> None:
    assert not is_allowed([])


def test_exceptions_are_needed_and_have_a_reason() -> None:
    held = [
        Component(name=name, version="1", licences=("LGPL-3.0-only",))
        for name in licences.EXCEPTIONS
    ]
    assert list(faults(held)) == []
    assert all(len(reason) > 20 for reason in licences.EXCEPTIONS.values())
    first, *others = held
    assert list(faults(others)) == [f"{first.name} needs no exception any more"]
    stranger = Component(name="stranger", version="1", licences=("GPL-3.0-only",))
    assert list(faults([*held, stranger])) == ["stranger: GPL-3.0-only is not allowed"]


def test_the_sbom_lists_what_is_locked(tmp_path: Path) -> None:
    """Of this environment: it holds the locked packages, and the developers' beside them.

    `make sbom` has the program validate what it wrote, which takes ten seconds.
    """
    sbom = tmp_path / "sbom.json"
    program = Path(sys.executable).with_name("cyclonedx-py")
    options = ["--no-validate", "--output-format=JSON", f"--output-file={sbom}"]
    subprocess.run(
        [program, "environment", *options, sys.executable], check=True, capture_output=True
    )
    assert json.loads(sbom.read_text(encoding="utf-8"))["bomFormat"] == "CycloneDX"
    locked = set(re.findall(r"^([\w.-]+)==(\S+)", LOCK.read_text("utf-8"), re.MULTILINE))
    names = {name for name, _ in locked}
    assert len(names) > 60
    found = {c.name.lower().replace("_", "-"): c for c in licences.components(sbom)}
    shipped = {name: found[name] for name in names & found.keys()}
    assert names - shipped.keys() <= OF_OTHER_SYSTEMS
    assert {(name, one.version) for name, one in shipped.items()} <= locked
    assert list(faults(list(shipped.values()))) == []


def test_a_known_vulnerability_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        audit, "report", lambda *_: _report({"id": "CVE-1", "aliases": ["PYSEC-1"]})
    )
    with pytest.raises(typer.Exit) as ended:
        audit.main(LOCK)
    assert ended.value.exit_code == 1
    monkeypatch.setattr(audit, "ACCEPTED", {"PYSEC-1": "the part it is in is not used here"})
    audit.main(LOCK)


def test_no_answer_is_only_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    began_at = time.monotonic()
    audit.main(LOCK, seconds=30)
    assert time.monotonic() - began_at < 60
    assert "not audited" in capsys.readouterr().err


def _report(*found: dict[str, object]) -> str:
    package = {"name": "some", "version": "1.0", "vulns": found}
    return json.dumps({"dependencies": [package, {"name": "skipped", "skip_reason": "…"}]})
