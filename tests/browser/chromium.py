"""A real browser for the tests: it looks at a page at several widths, prints it, and listens to the console."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)

BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: no chromium, chromium-browser or google-chrome here"),
]

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

WIDTHS = (320, 768, 1440)

# Runs inside a copy of the page, whose policy against scripts is taken out, and reports to the page around it.
PROBE = """
addEventListener("load", () => {
  const seen = element => element.getClientRects().length > 0;
  const name = element => element.tagName + ": " + element.textContent.trim().slice(0, 40);
  const over = [...document.querySelectorAll("main, main *")].filter(one => seen(one) && !one.closest(".scroll, svg")
    && one.getBoundingClientRect().right > innerWidth + 1).map(name);
  const cut = [], overlaps = [];
  for (const picture of [...document.querySelectorAll("svg")].filter(seen)) {
    const frame = picture.getBoundingClientRect(), texts = [...picture.querySelectorAll("text")];
    const boxes = texts.map(text => text.getBoundingClientRect());
    boxes.forEach((box, index) => {
      const beside = box.left < frame.left - 1 || box.right > frame.right + 1;
      if (beside || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
        cut.push(name(texts[index]));
      boxes.slice(0, index).forEach((other, place) => {
        const across = Math.min(box.right, other.right) - Math.max(box.left, other.left);
        const down = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
        if (across > 1 && down > 4) overlaps.push(name(texts[index]) + " | " + name(texts[place]));
      });
    });
  }
  const channels = colour => colour.match(/[\\d.]+/g).map(Number);
  const luminance = colour => channels(colour).slice(0, 3).map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const paper = element => {
    for (let here = element; here; here = here.parentElement) {
      const colour = getComputedStyle(here).backgroundColor;
      if (channels(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const faint = [], sizes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !seen(element) || element.closest("title, desc, .skip")) continue;
    const style = getComputedStyle(element), drawn = element.closest("svg");
    const ink = luminance(drawn ? style.fill : style.color), back = luminance(paper(element));
    if ((Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05) < 4.5) faint.push(name(element));
    const scale = drawn ? drawn.getBoundingClientRect().width / drawn.viewBox.baseVal.width : 1;
    sizes.push(parseFloat(style.fontSize) * scale);
  }
  parent.postMessage({
    width: innerWidth, scroll: document.documentElement.scrollWidth, over, cut, overlaps, faint,
    smallest: Math.min(...sizes), page: getComputedStyle(document.body).backgroundColor,
    pictures: [...document.querySelectorAll("svg")].filter(seen).length,
    sentence: getComputedStyle(document.querySelector(".sentence")).fontSize,
  }, "*");
});
"""

LISTENER = """
const found = [];
addEventListener("message", event => {
  found.push(event.data);
  document.getElementById("found").textContent = JSON.stringify(found);
});
"""


def chromium(folder: Path, page: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM is not None
    profile = folder / "profile"
    done = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    shutil.rmtree(profile, ignore_errors=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done


def probe(folder: Path, source: str, *flags: str) -> dict[int, dict[str, Any]]:
    """Return what the page looks like at each width."""
    policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', source)
    assert policy is not None
    inside = source.replace(policy[0], f"<script>{PROBE}</script>")
    (folder / "inside.html").write_text(inside, encoding="utf-8")
    frames = "".join(
        f'<iframe src="inside.html" style="width:{width}px;height:900px;border:0"></iframe>' for width in WIDTHS
    )
    outside = folder / "outside.html"
    outside.write_text(f'<script>{LISTENER}</script><pre id="found"></pre>{frames}', encoding="utf-8")
    done = chromium(folder, outside, "--dump-dom", "--virtual-time-budget=5000", "--window-size=1600,1200", *flags)
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stderr[-2000:]
    views = {view["width"]: view for view in json.loads(html.unescape(found[1]))}
    assert sorted(views) == sorted(WIDTHS)
    return views


def sheets(folder: Path, source: str) -> int:
    page, printed = folder / "print.html", folder / "print.pdf"
    page.write_text(source, encoding="utf-8")
    chromium(folder, page, "--no-pdf-header-footer", f"--print-to-pdf={printed}")
    return len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes()))


def console(folder: Path, source: str) -> list[str]:
    page = folder / "console.html"
    page.write_text(source, encoding="utf-8")
    done = chromium(folder, page, "--dump-dom", "--enable-logging=stderr")
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def check_views(views: dict[int, dict[str, Any]], *, pictures: int = 3) -> None:
    """Assert that a page is whole and readable at every width."""
    for width, view in views.items():
        assert view["scroll"] <= width, view
        assert view["over"] == [], width
        assert view["cut"] == [], width
        assert view["overlaps"] == [], width
        assert view["faint"] == [], width
        assert view["smallest"] >= 9, width
        assert view["pictures"] >= pictures, width
