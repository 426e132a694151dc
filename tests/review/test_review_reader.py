"""Language and time zone: asked by the browser, chosen by the reader, kept in cookies."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import hospital as house
import numpy as np
import pytest

from bedside.answering.judgement import Cause
from bedside.review import zones
from bedside.review.reader import Reader, asked_language
from bedside.review.sentences import teller
from bedside.review.words import translator

PATIENT = {"id": "A-10234", "name": "Anneliese Meier", "birth_date": "1958-03-14"}
WINTER = dt.datetime(2026, 11, 22, 8, 15, tzinfo=dt.UTC)


def _reader(language: str, zone: str) -> Reader:
    return Reader(language, ZoneInfo(zone), translator(language), teller(language))


@pytest.mark.parametrize(
    ("language", "zone", "text"),
    [
        ("en", "Asia/Shanghai", "22 Nov 2026, 16:15 CST"),
        ("zh-CN", "Asia/Shanghai", "2026年11月22日 16:15"),
        ("en", "Europe/Berlin", "22 Nov 2026, 09:15 CET"),
        ("en", "Asia/Kathmandu", "22 Nov 2026, 14:00 UTC+0545"),
        ("zh-CN", "Pacific/Kiritimati", "2026年11月22日 22:15"),
        ("en", "UTC", "22 Nov 2026, 08:15 UTC"),
    ],
)
def test_moments_are_shown_in_the_zone_of_the_reader(language: str, zone: str, text: str) -> None:
    assert _reader(language, zone).when(WINTER) == text
    assert _reader(language, zone).when("2026-11-22T08:15:00.000000Z") == text


def test_a_time_typed_is_meant_in_the_readers_zone_summer_time_included() -> None:
    berlin = _reader("en", "Europe/Berlin")
    assert berlin.typed("2026-07-01T10:00") == dt.datetime(2026, 7, 1, 8, tzinfo=dt.UTC)
    assert berlin.typed("2026-12-01T10:00") == dt.datetime(2026, 12, 1, 9, tzinfo=dt.UTC)


def test_a_date_is_moved_by_no_zone() -> None:
    assert _reader("en", "Pacific/Kiritimati").day("1958-03-14") == "14 Mar 1958"
    assert _reader("zh-CN", "America/Adak").day(dt.date(1958, 3, 14)) == "1958年3月14日"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh", "zh-CN"),
        ("zh-TW,zh;q=0.8,en;q=0.5", "zh-CN"),
        ("de-DE,de;q=0.9,en;q=0.8,zh;q=0.7", "en"),
        ("de, zh;q=0.2, en;q=0.1", "zh-CN"),
        ("en;q=0, zh;q=0.1", "zh-CN"),
        ("fr, *;q=0.5", "en"),
        ("zh;q=high, en", "en"),
        (";;;,,,=q", "en"),
    ],
)
def test_the_language_that_a_browser_asks_for(header: str, language: str) -> None:
    assert asked_language(header) == language


@pytest.fixture
def fresh_zones(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    zones.own_zone.cache_clear()
    yield monkeypatch
    zones.own_zone.cache_clear()


def test_the_servers_zone_comes_from_its_settings(fresh_zones: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fresh_zones.setenv("TZ", ":Europe/Berlin")
    assert zones.own_zone().key == "Europe/Berlin"
    fresh_zones.delenv("TZ")
    (tmp_path / "zoneinfo/Asia").mkdir(parents=True)
    (tmp_path / "zoneinfo/Asia/Shanghai").touch()
    (tmp_path / "localtime").symlink_to(tmp_path / "zoneinfo/Asia/Shanghai")
    for path, found in ((tmp_path / "localtime", "Asia/Shanghai"), (tmp_path / "none", "UTC")):
        zones.own_zone.cache_clear()
        fresh_zones.setattr(zones, "LOCALTIME", path)
        assert zones.own_zone().key == found


@pytest.mark.parametrize(
    "name", ["", "Mars/Base", "../../etc/passwd", "/etc/passwd", "x" * 500, "Asia/", "a\0b", "Asia"]
)
def test_a_made_up_zone_is_none(name: str) -> None:
    assert zones.zone(name) is None


def test_every_choice_is_a_zone() -> None:
    offered = [name for names in zones.choices().values() for name in names]
    assert {"UTC", "Asia/Shanghai", "Europe/Berlin"} <= set(offered)
    assert all(zones.zone(name) is not None for name in offered)


def test_a_reader_chooses_language_and_zone_before_logging_in_and_after(hospital: Any) -> None:
    browser = hospital.anonymous()
    assert '<html lang="en">' in browser.get("/login").text
    chosen = browser.post("/preferences", data={"language": "zh-CN", "next": "/login?next=/releases"})
    assert (chosen.status_code, chosen.headers["Location"]) == (303, "/login?next=/releases")
    page = browser.get("/login")
    assert '<html lang="zh-CN">' in page.text and page.headers["Content-Language"] == "zh-CN" and "登录" in page.text
    client = hospital.client("clinician")
    answer = hospital.ask(patient=PATIENT)
    assert hospital.form(client, "/preferences", zone="Asia/Shanghai", language="en").headers["Location"] == "/"
    assert "asked 2 Mar 2026, 16:00 CST" in client.get(f"/answers/{answer['id']}").text
    assert hospital.form(client, "/preferences", language="zh-CN").status_code == 303
    page = client.get(f"/answers/{answer['id']}").text
    assert "初步结果" in page and "2026年3月2日 16:00" in page and "Anneliese Meier" in page


def test_the_browsers_language_counts_until_one_is_chosen(hospital: Any) -> None:
    chinese = {"Accept-Language": "zh-CN,zh;q=0.9"}
    assert "登录" in hospital.anonymous().get("/login", headers=chinese).text
    browser = hospital.anonymous()
    browser.post("/preferences", data={"language": "en"})
    assert "Log in" in browser.get("/login", headers=chinese).text


@pytest.mark.parametrize("sent", [{"language": "tlh"}, {"zone": "Mars/Base"}, {"zone": "../../etc/passwd"}])
def test_what_cannot_be_chosen_is_refused(hospital: Any, sent: dict[str, str]) -> None:
    reply = hospital.anonymous().post("/preferences", data=sent)
    assert (reply.status_code, "set-cookie" in reply.headers) == (422, False)


def test_a_made_up_cookie_is_ignored(hospital: Any) -> None:
    browser = hospital.anonymous()
    browser.cookies.update({"bedside_language": "<script>", "bedside_zone": "../../../etc/passwd"})
    page = browser.get("/login")
    assert page.status_code == 200 and '<html lang="en">' in page.text and "UTC" in page.text


def test_who_is_logged_in_sends_the_sessions_token_with_the_choice(hospital: Any) -> None:
    client = hospital.client("clinician")
    assert client.post("/preferences", data={"language": "zh-CN", "csrf": "wrong"}).status_code == 403
    assert "set-cookie" not in client.post("/preferences", data={"language": "zh-CN"}).headers


@pytest.mark.parametrize("where", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_the_choice_leads_to_no_other_site(hospital: Any, where: str) -> None:
    reply = hospital.anonymous().post("/preferences", data={"language": "en", "next": where})
    assert reply.headers["Location"] == "/"


def _chinese(text: str) -> bool:
    return bool(re.search("[一-鿿]", text))


def test_reasons_of_an_abstention_are_told_in_the_readers_language(hospital: Any) -> None:
    told = teller("zh-CN")
    answer = hospital.ask(values=house.STRANGE | {"tumour_size": {"value": 20, "time": "2024-01-01T00:00:00Z"}})
    assert {reason["code"] for reason in answer["reasons"]} >= {"unlike-training", "stale-value"}
    for reason in answer["reasons"]:
        assert _chinese(told(reason["text"])), reason
        figures = re.findall(r"\d[\d.]*", reason["text"])
        assert sorted(re.findall(r"\d[\d.]*", told(reason["text"]))) == sorted(figures)


def test_a_value_refused_in_another_unit_is_told_wholly(hospital: Any) -> None:
    asked = {"values": {"mean_radius": {"value": 9, "unit": "mm"}}}
    refused = hospital.client("service").post("/api/v1/releases/breast-fna/answers", json=asked)
    assert refused.status_code == 422
    said = "9 mm lies outside the plausible range 1 to 60 um"
    assert said in refused.text
    assert teller("zh-CN")(said) == "9 mm 超出合理范围 1 至 60 um"


def test_every_cause_has_a_sentence_that_is_told(hospital: Any) -> None:
    """The sentences as the judge writes them, two at once among them."""
    told = teller("zh-CN")
    said = {
        Cause.EXPIRED: "The release was valid until 2026-01-01; today is 2026-02-01",
        Cause.TOO_MUCH_MISSING: "9 of 12 predictors are unknown; at most 6 may be",
        Cause.UNLIKE_TRAINING: "This patient is unlike those the model was trained on: "
        "distance 9.31; at most 8 is answered",
        Cause.STALE_VALUE: "Tumour size is 50.2 days old; at most 30 are accepted; "
        "Age is 80.0 days old; at most 3 are accepted",
        Cause.IMPLAUSIBLE: "Age: '190' is outside 18 to 100 a; taken as unknown; "
        "Size: '-1' is outside 0 to 9; taken as unknown",
        Cause.NOT_A_NUMBER: "Age: 'old' is not a number; Size: '?!' is not a number",
        Cause.UNKNOWN_CATEGORY: "Menopause: 'peri' is not one of pre, post",
        Cause.NOT_CALLABLE: "CYP2C9: '*1' is not callable; taken as unknown; "
        "VKORC1: '?' is not callable; taken as unknown",
        Cause.OTHER_GENOTYPE: "CYP2C9: '*1/*5' is a genotype that the model never learned from; taken as unknown",
        Cause.POOR_OVERLAP: "Fewer than 5 % of patients like this one got zidovudine: "
        "the treatments cannot be compared",
    }
    assert set(said) == set(Cause)
    for sentence in said.values():
        assert _chinese(told(sentence)), sentence
        assert not re.search(r"\b(is|are|not|of|most|taken)\b", told(sentence)), told(sentence)
    assert told(said[Cause.STALE_VALUE]).count("；最多接受") == 2
    assert np.unique([told(sentence) for sentence in said.values()]).size == len(said)


def test_what_the_catalogue_does_not_know_stays_as_it_was_said() -> None:
    told = teller("zh-CN")
    for sentence in ("", "Something new", "Something new; at most 3", "{1}", "a{1}b; "):
        assert told(sentence) == sentence
    assert teller("en")("there is no user 'x'") == "there is no user 'x'"


def test_only_fixed_terms_are_put_into_the_other_language_not_names_that_look_like_them() -> None:
    told = teller("zh-CN")
    assert told("there already is a user 'clinician'") == "已有用户 'clinician'"
    assert told("final has approved service 1.0.0 already") == "final 已批准过 service 1.0.0"
    assert told("It is open to: clinician, scientist") == "此操作仅限于：临床医师、研究人员"
    assert told("an answer that is final cannot be reviewed with 'agree'") == "状态为最终的结果不能以“同意”审核"


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "by Dr. Vos on 3 Mar 2026, 07:59 CST: Alarms"), ("zh-CN", "于 2026年3月3日 07:59 暂停")],
)
def test_a_moment_in_a_sentence_is_told_in_the_readers_zone(language: str, words: str) -> None:
    told = _reader(language, "Asia/Shanghai").told
    assert words in told("this release was suspended by Dr. Vos on 2026-03-02T23:59Z: Alarms")
    assert words in told("This release was suspended by Dr. Vos on 2026-03-02T23:59Z: Alarms; in all.")
    example = "is not a date such as 2026-03-01T08:30:00Z"
    assert told(example) == example


def test_errors_are_told_with_what_they_quote(hospital: Any) -> None:
    client = hospital.client("clinician")
    hospital.form(client, "/preferences", language="zh-CN")
    path = f"/answers/{hospital.ask()['id']}"
    page = hospital.form(client, path, verdict="disagree", conclusion="Fibroadenoma")
    assert page.status_code == 422 and "选择“不同意”时须填写理由。" in page.text
    missing = client.get("/releases/<b>x")
    assert missing.status_code == 404 and "&lt;b&gt;x" in missing.text and "此处没有该名称的发布版。" in missing.text
    assert "此操作仅限于：" in hospital.client("admin").get("/answers/x", headers={"Accept-Language": "zh"}).text
