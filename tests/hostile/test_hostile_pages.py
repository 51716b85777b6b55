"""HTML reports of hostile content in a real browser: it builds the page that was meant, runs nothing, asks nobody."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hostile import HOSTILE
from hostile_world import Ran, assert_inert, assert_page, odd_role, talk, tools

MODEL = Path(__file__).parents[2] / "fixtures" / "model"
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
Run = Callable[..., Ran]

# What is told of a page once it is built; content must not get there.
PROBE = '<img src="{url}/x"><script src="{url}/y"></script><script>new Image().src="{url}/z"</script>'


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a server, and what was asked of it."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()


def built(page: str, folder: Path) -> str:
    """The document that a browser makes of a page, once its scripts, had it any, have run."""
    if BROWSER is None:
        pytest.skip("needs Chromium or Chrome")
    (folder / "page.html").write_text(page, encoding="utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--virtual-time-budget=2000")
    where = (f"--user-data-dir={folder / 'browser'}", "--dump-dom", (folder / "page.html").as_uri())
    done = subprocess.run([BROWSER, *flags, *where], capture_output=True, timeout=120, check=True)
    return done.stdout.decode("utf-8")


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(page: str) -> str:
    text = _Text()
    text.feed(page)
    return text.text


def every(url: str) -> str:
    """All hostile texts in one, and what would ask the server."""
    return PROBE.format(url=url) + " ".join(
        text.replace("127.0.0.1:9", url.removeprefix("http://")) for text in _texts()
    )


def _texts() -> Iterator[str]:
    yield from (text.replace("\0", "") for text in HOSTILE.values())


def test_the_browser_would_run_and_ask(tmp_path: Path, asked: tuple[str, list[str]]) -> None:
    """Or the other tests would prove nothing."""
    url, paths = asked
    built(f"<!doctype html><body>{PROBE.format(url=url)}", tmp_path)
    assert {"/x", "/y", "/z"} <= {*paths}


@pytest.mark.parametrize("make", [talk, odd_role, tools])
def test_a_row_explained_is_the_same_page_in_a_browser(
    run: Run, tmp_path: Path, asked: tuple[str, list[str]], make: Callable[[str], dict[str, Any]]
) -> None:
    url, paths = asked
    (tmp_path / "a.jsonl").write_text(json.dumps(make(every(url))) + "\n")
    ran = run("explain", "a.jsonl:1", "--output-format", "html", "--tokenizer", MODEL)
    assert_page(assert_inert(ran.out))
    page = built(ran.out.decode(), tmp_path)
    assert_page(page)
    assert paths == []
    assert "<script>alert(1)</script>" in shown(page)


@pytest.mark.train
def test_an_impact_report_is_the_same_page_in_a_browser(
    tmp_path: Path, asked: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "trainer")
    from test_report_html import full

    from datalint_trainer.report_html import render

    url, paths = asked
    made = render(full(every(url)))
    assert_inert(made.encode())
    page = built(made, tmp_path)
    assert "<script" not in page
    assert paths == []
    assert page.count("<svg") == made.count("<svg")


@pytest.mark.train
@pytest.mark.parametrize("form", ["text", "json"])
def test_an_impact_report_steers_no_terminal(
    form: str, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "trainer")
    from test_report_html import full

    from datalint.cli.trainer import impact_outputs, write_impact

    for text in HOSTILE.values():
        write_impact(full(text), impact_outputs([form]))
        sys.stdout.flush()
        assert_inert(capsysbinary.readouterr().out)
