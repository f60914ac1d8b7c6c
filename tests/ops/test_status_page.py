"""The status page: right, well formed, readable by machine and eye, in a real browser without scripts."""

import dataclasses
import re
import threading
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from infra.ops import overview, status_page
from infra.ops import overview_facts as facts
from infra.ops.browser import browsing, program
from infra.ops.overview import Fact, Firing, Overview, ServiceFacts
from infra.ops.status import ServiceStatus, Status
from infra.ops.watching import asking

AT = "2026-11-21T18:00:00+00:00"
WELL = Overview(
    status=Status(
        stack="local",
        platform="up",
        parts={"etcd": {"state": "ready", "restarts": 0}},
        resources=471,
    ),
    made_at=AT,
    services=[
        ServiceFacts(
            name="credit-risk",
            ready=2,
            wanted=2,
            model_digest="sha256:" + "ab" * 32,
            url="http://credit-risk.local:1",
            contract_holds=True,
            contract="signed by both owners, ends 2027-05-31 (191 days)",
        )
    ],
    watching=Fact(known=True, says="alerts flow", good=True),
    backup=Fact(known=True, says="3 hours old, 12 in all", good=True, at=AT),
    drill=Fact(known=True, says="rebuild: passed", good=True, at=AT),
    cost=Fact(known=True, says="985 USD a month by list prices; budget 1,200 USD", good=True, at=AT),
)
ILL = replace(
    WELL,
    status=replace(WELL.status, problems=["part 'etcd' is failed: <disk> & co (./plinth logs etcd)"]),
    services=[replace(WELL.services[0], ready=0, contract_holds=False, contract="it ended yesterday")],
    alerts=[
        Firing(
            name="ServiceDown",
            severity="page",
            summary="no pod of credit-risk answers",
            since=AT,
            command="./plinth runbook ServiceDown",
        ),
        Firing(
            name="InputDrift", severity="ticket", summary="x", since=AT, command="./plinth runbook InputDrift"
        ),
    ],
    backup=Fact(known=False, says="cannot be seen here: AccessDenied"),
    drill=Fact(known=True, says="rebuild: failed", good=False, at=AT),
)
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Checked(HTMLParser):
    """Finds what a validator would: unmatched tags, ids that stand twice, headings that skip a level."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.mistakes: list[str] = []
        self.ids: list[str] = []
        self.named: list[str] = []
        self.levels: list[int] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        self.mistakes += [f"{tag} is not closed" for tag in self.open]
        self.mistakes += [f"id {one} stands twice" for one in set(self.ids) if self.ids.count(one) > 1]
        self.mistakes += [f"nothing has the id {one}" for one in self.named if one not in self.ids]
        steps = zip(self.levels, self.levels[1:], strict=False)
        self.mistakes += [f"h{a} is followed by h{b}" for a, b in steps if b > a + 1]

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append((tag, given))
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [given["id"]] if given.get("id") else []
        self.named += [given["aria-labelledby"]] if given.get("aria-labelledby") else []
        self.named += [given["href"][1:]] if (given.get("href") or "").startswith("#") else []
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag == "th" and "scope" not in given:
            self.mistakes.append("a heading of a table does not say what it heads")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.mistakes.append(f"{tag} is closed out of turn at {self.getpos()}")


@pytest.mark.parametrize("one", [WELL, ILL], ids=["well", "ill"])
def test_the_page_is_well_formed_has_no_scripts_and_names_what_it_is(one) -> None:
    found = Checked(status_page.page(one, refresh=30))
    tags = [tag for tag, _ in found.tags]

    assert found.mistakes == []
    assert found.levels[0] == 1
    assert found.levels.count(1) == 1
    assert ("html", {"lang": "en"}) in found.tags
    assert {"title", "main", "header", "footer"} <= set(tags)
    assert "script" not in tags
    assert not [given for _, given in found.tags if any(name.startswith("on") for name in given)]
    assert not [given for _, given in found.tags if (given.get("href") or "#")[0] != "#" or given.get("src")]


def test_what_somebody_else_wrote_is_text_and_nothing_else() -> None:
    text = status_page.page(ILL)

    assert "&lt;disk&gt; &amp; co" in text
    assert "<disk>" not in text


def test_what_status_knows_of_a_service_is_what_the_overview_tells() -> None:
    """Each field that is new in one is needed in the other: the first is unpacked into the second."""
    told = {one.name for one in dataclasses.fields(ServiceFacts)}
    known = {one.name for one in dataclasses.fields(ServiceStatus)}
    assert told - known == {"contract_holds", "contract"}
    assert known <= told


def test_a_release_that_was_undone_stands_beside_its_service() -> None:
    undone = replace(WELL.services[0], release="the latest release was <undone>")
    assert "the latest release was &lt;undone&gt;" in status_page.page(replace(WELL, services=[undone]))


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_of_text_stands_out_from_both_backgrounds(scheme) -> None:
    style = (Path(status_page.__file__).parent / status_page.TEMPLATE).read_text()
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", blocks[["light", "dark"].index(scheme)]))
    for text in ("text", "quiet", "bad", "warn", "good", "link"):
        for back in ("back", "soft"):
            high, low = sorted((luminance(colours[text]), luminance(colours[back])), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 4.5, (text, back)  # WCAG 2.2, 1.4.3


def test_complaints_and_verdict_follow_from_the_facts() -> None:
    ticket = replace(WELL, alerts=[ILL.alerts[1]])

    assert (WELL.well, WELL.complaints) == (True, [])
    assert ILL.well is False
    assert [line.split(":")[0] for line in ILL.complaints] == [
        "part 'etcd' is failed",
        "the contract of credit-risk does not hold",
        "ServiceDown",
        "InputDrift",
    ]
    late = replace(WELL, backup=Fact(known=True, says="late", good=False))

    assert (late.well, late.unmet) == (True, ["Last backup"])
    assert late.verdict.endswith("not good yet: last backup.")
    assert WELL.verdict.startswith("All is well")
    assert ticket.well, "a ticket waits for the next working day"


def test_alerts_come_from_alertmanager_the_urgent_first_and_the_watchdog_is_none(monkeypatch) -> None:
    def alert(name, severity, since):
        return {
            "labels": {"alertname": name, "severity": severity},
            "annotations": {"summary": f"{name} it is", "command": f"./plinth runbook {name}"},
            "startsAt": since,
        }

    told = [
        alert("Watchdog", "none", "2026-11-21T10:00:00.000Z"),
        alert("InputDrift", "ticket", "2026-11-21T11:00:00.000Z"),
        alert("ServiceDown", "page", "2026-11-21T12:00:00.000+01:00"),
    ]
    monkeypatch.setattr(asking, "_get", lambda *_, **__: told)
    found, watching = overview.alerts("http://127.0.0.1:1", up=True)

    assert [(one.name, one.since) for one in found] == [
        ("ServiceDown", "2026-11-21T11:00:00+00:00"),
        ("InputDrift", "2026-11-21T11:00:00+00:00"),
    ]
    assert (watching.known, watching.good) == (True, True)


def test_a_silent_alertmanager_is_said_to_be_silent() -> None:
    none, absent = overview.alerts("", up=True)
    _, dead = overview.alerts("http://127.0.0.1:9", up=True)

    assert (none, absent.known) == ([], False)
    assert (dead.known, dead.good) == (False, False)


def test_the_latest_drill_is_the_one_that_is_told(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(facts.contracts, "evidence_folder", lambda _: tmp_path)
    nothing = facts.drill("local")
    for name, at, passed in (("rebuild", "2026-11-20", "true"), ("alerts", "2026-11-21", "false")):
        (tmp_path / f"drill-{name}.json").write_text(
            f'{{"name": "drill-{name}", "made_at": "{at}", "passed": {passed}}}'
        )
    (tmp_path / "drill-torn.json").write_text("{")
    latest = facts.drill("local")

    assert (nothing.says, nothing.good) == ("none has been held here yet", None)
    assert (latest.says, latest.good, latest.at) == ("alerts: failed", False, "2026-11-21")


@pytest.fixture
def served():
    server = status_page.Server(lambda: status_page.page(ILL, refresh=30))
    thread = threading.Thread(target=server._server.serve_forever, daemon=True)
    thread.start()
    yield server.url
    server._server.shutdown()
    server._server.server_close()


def test_the_server_gives_one_page_to_this_machine_alone(served) -> None:
    with httpx.Client(trust_env=False) as client:
        page, other = client.get(served), client.get(f"{served}etc/passwd")
        foreign = client.get(served, headers={"host": "evil.example"})
        changed = client.post(served)

    assert page.status_code == 200
    assert page.headers["content-security-policy"] == status_page.POLICY
    assert page.headers["cache-control"] == "no-store"
    assert "plinth" in page.headers["server"]
    assert "Python" not in page.headers["server"]
    assert (other.status_code, foreign.status_code, changed.status_code) == (404, 404, 501)


def test_the_server_ends_by_itself() -> None:
    server = status_page.Server(lambda: "")
    server.run(0.05)

    with httpx.Client(trust_env=False) as client, pytest.raises(httpx.ConnectError):
        client.get(server.url)


@pytest.mark.serving
@pytest.mark.skipif(program() is None, reason="there is no Chromium here")
def test_a_browser_and_a_screen_reader_find_everything_without_scripts(served) -> None:
    with browsing() as browser:
        seen = {}
        for scheme in ("light", "dark"):
            browser.open(served, scheme=scheme)
            seen[scheme] = browser.value("getComputedStyle(document.body).backgroundColor")
        tree = browser.tree()
        names = [node["name"] for node in tree]
        headings = [(node["level"], node["name"]) for node in tree if node["role"] == "heading"]
        wide = browser.value("document.documentElement.scrollWidth")
        browser.open(served, width=360, height=740)
        narrow = browser.value("document.documentElement.scrollWidth")

    assert seen == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}
    assert headings == [
        (1, "local"),
        (2, "Problems"),
        (2, "Alerts"),
        (2, "Services"),
        (2, "Safety and cost"),
        (2, "Parts of the platform"),
    ]
    assert {"main", "banner", "contentinfo", "table", "columnheader", "rowheader", "status"} <= {
        node["role"] for node in tree
    }
    assert {"./plinth runbook ServiceDown", "no pod of credit-risk answers", "0 of 2"} <= set(names)
    assert (wide, narrow) == (1000, 360), "nothing sticks out, not even on a telephone"
