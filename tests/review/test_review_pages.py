"""What the pages show, and that nothing in them can run."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import hospital as house
import msgspec
import pytest

from bedside.review import PAGES
from bedside.review.answer_view import contributions
from bedside.review.words import translator
from bedside.serving.documents import AnswerReply

HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{7*7}}"""
PATIENT = {"id": "A-10234", "name": "Anneliese Meier", "birth_date": "1958-03-14"}


def _text(reply: Any) -> str:
    """What a reader sees: without tags, spaces made one."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", reply.text)).split())


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def _tags(reply: Any) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Tags()
    parser.feed(reply.text)
    return parser.found


def _page(hospital: Any, answer: dict[str, Any], who: str = "clinician") -> Any:
    reply = hospital.client(who).get(f"/answers/{answer['id']}")
    assert reply.status_code == 200, reply.text
    return reply


def test_the_answer_says_who_what_and_how_sure(hospital: Any) -> None:
    answer = hospital.ask(patient=PATIENT, values=house.PLAUSIBLE | {"mean_radius": 15.0, "age": None})
    text = _text(_page(hospital, answer))
    risk = f"{house.probability(house.PLAUSIBLE | {'mean_radius': 15.0}) * 100:.0f} %"
    assert text.index("Not approved for care") < text.index("Anneliese Meier") < text.index("Preliminary")
    for said in (
        "1958-03-14", "A-10234", "not reviewed by a physician", risk, "threshold for acting (20 %)", "Alert",
        "Model spread", "It is not an interval", "typical patients", "no sampling error", "Mean nucleus radius 15 µm",
        "2 others together", "18 to 100 years", "not known", answer["release"]["digest"], "Sign as Dr. Ida Rolf",
    ):  # fmt: skip
        assert said in text, said


def test_the_contributions_shown_add_up_to_the_estimate(hospital: Any) -> None:
    answer = hospital.ask(values=house.PLAUSIBLE | {"mean_radius": 15.0})
    shown = re.findall(r"<td class=\"number\">([+−]?\d+\.\d)</td>\s*</tr>", _page(hospital, answer).text)
    points = [float(text.replace("−", "-")) for text in shown]
    rows = contributions(msgspec.convert(answer, AnswerReply), house.SCHEMA, translator())
    assert points == pytest.approx([row.push * 100 for row in rows], abs=0.05 + 1e-9)
    base = answer["explanation"]["base_value"]
    assert base + sum(row.push for row in rows) == pytest.approx(answer["estimate"]["malignant"], abs=1e-5)
    assert len(rows) == 9
    assert [abs(point) for point in points[:8]] == sorted((abs(point) for point in points[:8]), reverse=True)


def test_an_abstaining_answer_shows_reasons_and_no_number(hospital: Any) -> None:
    text = _text(_page(hospital, hospital.ask(values=house.STRANGE)))
    assert "No estimate" in text
    assert "unlike those the model was trained on" in text
    for absent in ("in 100", "Prediction set", "pushed the estimate", "threshold for acting"):
        assert absent not in text


def test_signing_shows_who_signed_and_what_stands(hospital: Any) -> None:
    answer = hospital.ask(patient=PATIENT)
    hospital.clock.forward(minutes=5)
    client = hospital.client("clinician")
    path = f"/answers/{answer['id']}"
    sent = {"verdict": "disagree", "conclusion": "Fibroadenoma", "reason": "Histology", "seen": "preliminary"}
    reply = hospital.form(client, path, **sent)
    assert (reply.status_code, reply.headers["Location"]) == (303, path)
    text = _text(client.get(path))
    assert "Final: signed by a physician Dr. Ida Rolf disagreed on 2 Mar 2026, 08:05 UTC. Fibroadenoma" in text
    assert "Preliminary" not in text
    amended = {"verdict": "agree", "reason": "Second histology", "seen": "final"}
    assert hospital.form(hospital.client("second"), path, **amended).status_code == 303
    assert "Amended: signed again Dr. Jan Vos agreed" in _text(client.get(path))


def test_what_is_missing_is_said_and_the_words_typed_are_kept(hospital: Any) -> None:
    path = f"/answers/{hospital.ask()['id']}"
    client = hospital.client("clinician")
    reply = hospital.form(client, path, verdict="disagree", conclusion="Fibro<adenoma")
    assert reply.status_code == 422
    assert "disagree needs a reason" in _text(reply)
    assert "Fibro&lt;adenoma</textarea>" in reply.text
    assert 'value="disagree" required checked' in reply.text
    assert hospital.form(client, path).status_code == 422
    assert hospital.form(client, path, verdict="perhaps").status_code == 422


def test_what_another_has_signed_meanwhile_is_not_signed_over(hospital: Any) -> None:
    answer = hospital.ask()
    path = f"/answers/{answer['id']}"
    first = hospital.client("clinician")
    assert hospital.form(hospital.client("second"), path, verdict="agree", seen="preliminary").status_code == 303
    late = hospital.form(first, path, verdict="agree", reason="x", seen="preliminary")
    assert late.status_code == 409
    assert "has become final" in _text(late)


def test_unsure_is_shown_as_waiting_for_another(hospital: Any) -> None:
    path = f"/answers/{hospital.ask()['id']}"
    client = hospital.client("clinician")
    assert hospital.form(client, path, verdict="unsure", reason="Poor sample").status_code == 303
    assert "second reading is needed, by another clinician" in _text(client.get(path))
    own = hospital.form(client, path, verdict="agree")
    assert (own.status_code, "Another clinician has to read it" in _text(own)) == (409, True)


def test_an_expired_answer_offers_no_signature(hospital: Any) -> None:
    answer = hospital.ask()
    hospital.clock.forward(days=30)
    text = _text(_page(hospital, answer))
    assert "Expired: void" in text
    assert "Sign as" not in text


def test_opening_an_answer_is_entered_as_a_reading_and_the_list_is_not(hospital: Any) -> None:
    answer = hospital.ask("service", patient=PATIENT)
    client = hospital.client("second")
    assert "Meier" not in client.get("/").text
    assert list(hospital.ledger.entries(kind="identity-read")) == []
    _page(hospital, answer, "second")
    (reading,) = hospital.ledger.entries(kind="identity-read")
    assert reading.actor == "second"


def test_the_worklist_shows_the_longest_waiting_first_and_filters(hospital: Any) -> None:
    first = hospital.ask()
    hospital.clock.forward(hours=2)
    second = hospital.ask(values=house.STRANGE)
    hospital.ask("service", values=house.PLAUSIBLE | {"mean_radius": 8.0})
    client = hospital.client("clinician")
    page = client.get("/")
    assert page.text.index(first["id"]) < page.text.index(second["id"])
    assert "All waiting 2 ▲ alert 1 ∅ no estimate 1 Second reading 0 Mine 2" in _text(page)
    assert "Mine: asked by you, or last reviewed by you." in _text(page)
    assert "2 h 0 min ▲ alert anonymous breast-fna 1.0.0 preliminary" in _text(page)
    assert "All of these 3" in _text(client.get("/?show=all&release=&only="))
    abstained = client.get("/?only=abstained").text
    assert (first["id"] in abstained, second["id"] in abstained) == (False, True)
    assert "Nothing here." in client.get("/?show=final").text
    assert client.get("/?show=nearly").status_code == 422


def test_a_long_worklist_is_paged(hospital: Any) -> None:
    answer = {name: value for name, value in hospital.ask(explain=False).items() if name not in {"identity", "reviews"}}
    for number in range(60):
        hospital.ledger.record_answer(answer | {"id": f"{answer['id']}-{number}"}, actor="clinician", patient=None)
    client = hospital.client("clinician")
    page = client.get("/")
    assert "All waiting 61" in _text(page)
    (onward,) = [attributes["href"] for tag, attributes in _tags(page) if "after=" in (attributes.get("href") or "")]
    rest = client.get(onward)
    shown = [re.findall(r'href="/answers/([^"]+)"', one.text) for one in (page, rest)]
    assert [len(one) for one in shown] == [50, 11]
    assert sorted([*shown[0], *shown[1]]) == sorted([answer["id"], *(f"{answer['id']}-{n}" for n in range(60))])
    assert ("Next →" in rest.text, "To the beginning" in rest.text) == (False, True)
    assert client.get("/?after=yesterday").status_code == 422


def test_people_who_treat_nobody_see_releases_not_patients(hospital: Any) -> None:
    hospital.ask()
    for who in ("scientist", "admin", "auditor"):
        client = hospital.client(who)
        assert client.get("/").headers["Location"] == "/releases"
        page = client.get("/releases")
        assert page.status_code == 200
        assert "/new" not in page.text
        assert "Worklist" not in page.text


def test_the_form_is_drawn_from_the_schema(hospital: Any) -> None:
    page = hospital.client("clinician").get("/releases/breast-fna/new")
    fields = {attributes["name"]: (tag, attributes) for tag, attributes in _tags(page) if "name" in attributes}
    for variable in house.SCHEMA.variables:
        tag, attributes = fields[f"value.{variable.name}"]
        if variable.categories:
            assert tag == "select"
        else:
            assert attributes["type"] == "number"
            assert (float(attributes["min"]), float(attributes["max"])) == variable.range
    assert "time.tumour_size" in fields
    assert "time.age" not in fields
    assert "unknown" in page.text


def test_a_patient_entered_by_hand_is_answered_and_waits_for_review(hospital: Any) -> None:
    client = hospital.client("clinician")
    typed = {f"value.{name}": str(value) for name, value in house.HIGH.items() if name != "mean_texture"}
    typed |= {
        "time.tumour_size": "2026-03-01T09:30",
        "patient.id": "B-7",
        "patient.name": "Otto",
        "value.mean_texture": " ",
    }
    reply = hospital.form(client, "/releases/breast-fna/new", **typed)
    assert reply.status_code == 303
    answer = client.get("/api/v1" + reply.headers["Location"]).json()
    assert answer["identity"] == {"id": "B-7", "name": "Otto", "birth_date": None}
    assert answer["values"]["tumour_size"]["time"] == "2026-03-01T09:30:00Z"
    assert answer["values"]["mean_texture"]["value"] is None
    expected = house.probability({**house.HIGH, "mean_texture": house.NUMBERS["mean_texture"][3]})
    assert (answer["queued"], answer["estimate"]["malignant"]) == (True, pytest.approx(expected, abs=1e-6))


def test_every_mistake_in_the_form_is_shown_beside_its_field_with_what_was_typed(hospital: Any) -> None:
    typed = {"value.age": "140", "value.mean_radius": "14.1", "value.menopause": "post", "patient.name": "Anna"}
    typed |= {"patient.birth_date": ""}
    reply = hospital.form(hospital.client("clinician"), "/releases/breast-fna/new", **typed)
    assert reply.status_code == 422
    assert re.search(r'id="value.age.problem"[^>]*>[^<]*outside the plausible range', reply.text)
    assert re.search(r'id="patient.id.problem"', reply.text)
    for kept in ('value="140"', 'value="14.1"', 'value="Anna"', '<option value="post" selected>post</option>'):
        assert kept in reply.text
    assert hospital.ledger.count() == 0
    again = typed | {"patient.id": "1", "patient.birth_date": "31.12.1950", "value.age": "40"}
    problem = hospital.form(hospital.client("clinician"), "/releases/breast-fna/new", **again)
    assert "patient.birth_date.problem" in problem.text


def test_without_approval_the_form_says_so(careful: Any) -> None:
    client = careful.client("clinician")
    assert "⚠ not approved for care" in _text(client.get("/releases"))
    reply = careful.form(client, "/releases/breast-fna/new", **{"value.age": "40"})
    assert (reply.status_code, "bedside approve" in _text(reply), 'value="40"' in reply.text) == (409, True, True)
    assert "For trying out only" not in reply.text


def test_the_release_page_shows_the_card_and_the_evidence(hospital: Any) -> None:
    page = hospital.client("scientist").get("/releases/breast-fna")
    text = _text(page)
    for said in (
        "AUROC 0.981 0.962 to 0.995",
        "not defined",
        "1 of 1 passed",
        "143 patients",
        "A small model",
        "<b>x</b>",
    ):
        assert said in text, said
    assert "&lt;b&gt;x&lt;/b&gt;" in page.text


def test_the_report_is_the_signed_bytes_and_cannot_run_anything(hospital: Any, signed: tuple[Path, Path]) -> None:
    reply = hospital.client("auditor").get("/releases/breast-fna/report")
    assert reply.content == (signed[0] / "report.html").read_bytes()
    policy = reply.headers["Content-Security-Policy"]
    assert "style-src 'unsafe-inline'" in policy
    assert "sandbox" in policy
    assert "script" not in policy


def _everything(hospital: Any) -> list[Any]:
    answers = [
        hospital.ask(patient={"id": "x", "name": HOSTILE}),
        hospital.ask(values=house.STRANGE),
        hospital.ask(values=house.PLAUSIBLE),
    ]
    client = hospital.client("clinician")
    said = {"verdict": "disagree", "conclusion": HOSTILE, "reason": HOSTILE, "action": HOSTILE}
    assert hospital.form(client, f"/answers/{answers[0]['id']}", **said).status_code == 303
    paths = [route.path for route in PAGES.routes if route.method == "GET" and "{id}" not in route.path]
    paths = [path.replace("{name}", "breast-fna") for path in paths if not path.endswith(("/report", ".css", ".js"))]
    replies = [client.get(path) for path in [*paths, *(f"/answers/{answer['id']}" for answer in answers)]]
    replies.append(hospital.form(client, "/releases/breast-fna/new", **{"value.age": HOSTILE, "patient.name": HOSTILE}))
    replies.append(hospital.anonymous().post("/login", data={"name": HOSTILE, "next": HOSTILE}))
    replies.append(client.get(f"/answers/{HOSTILE}", headers={"Accept": "text/html"}))
    return replies


def test_nothing_in_any_page_can_run_or_load(hospital: Any) -> None:
    for reply in _everything(hospital):
        assert reply.headers["Content-Type"].startswith("text/html"), reply.url
        for tag, attributes in _tags(reply):
            assert tag not in {"iframe", "object", "embed", "img", "style", "base"}, reply.url
            assert tag != "script" or attributes == {"src": "/static/bedside.js", "defer": None}, reply.url
            assert not [name for name in attributes if name.startswith("on") or name == "style"], reply.url
            for name in ("href", "src", "action"):
                assert (attributes.get(name) or "/").startswith(("/", "#", "data:,")), reply.url
        assert re.findall(r"<script[^>]*>([^<]*)", reply.text) == [""], reply.url
        assert "49" not in re.findall(r"onerror=alert\(2\)>(\d+)", html.unescape(reply.text))


def test_every_form_that_sends_carries_its_token_and_every_field_has_a_label(hospital: Any) -> None:
    for reply in _everything(hospital):
        forms = re.findall(r"<form.*?</form>", reply.text, re.DOTALL)
        known = any('action="/logout"' in form for form in forms)
        for form in forms:
            open_to_anyone = 'action="/login"' in form or ('action="/preferences"' in form and not known)
            if 'method="post"' in form and not open_to_anyone:
                assert re.search(r'name="csrf" value="[0-9a-f]{64}"', form), reply.url
        labelled = {attributes.get("for") for tag, attributes in _tags(reply) if tag == "label"}
        for tag, attributes in _tags(reply):
            if tag in {"textarea"} or (tag == "input" and "id" in attributes):
                assert attributes["id"] in labelled, (reply.url, attributes)


def test_an_error_is_a_page_for_people(hospital: Any) -> None:
    client = hospital.client("clinician")
    missing = client.get("/answers/none")
    assert (missing.status_code, "That did not work" in missing.text) == (404, True)
    assert client.get("/nowhere", headers={"Accept": "text/html"}).text.startswith("<!doctype html>")
    wrong = hospital.client("scientist").get("/answers/none")
    assert (wrong.status_code, "no right to this" in wrong.text) == (403, True)


def test_three_classes_show_all_of_them(tmp_path: Path) -> None:
    release = house.make_release(tmp_path, name="breast-fna", classes=3)
    hospital = house.open_hospital(tmp_path, [release], pages=PAGES)
    answer = hospital.ask(values=house.PLAUSIBLE)
    text = _text(_page(hospital, answer))
    for name, probability in answer["estimate"].items():
        assert re.search(rf"{name}: {probability * 100:.0f} %|{name}: {probability * 100:.1f} %", text), name
    assert ("threshold 50 %" in text, "threshold 20 %" in text) == (True, True)
    assert "What pushed the estimate up and down" in text
    hospital.ledger.close()


def test_a_release_that_is_no_longer_loaded_still_shows_its_answers(hospital: Any) -> None:
    answer = hospital.ask()
    stored = {name: value for name, value in answer.items() if name not in {"identity", "reviews"}}
    stored |= {"id": "old", "release": answer["release"] | {"digest": "0" * 64}}
    hospital.ledger.record_answer(stored, actor="clinician", patient=None)
    text = _text(hospital.client("clinician").get("/answers/old"))
    assert "mean_radius 20 µm" in text
    assert "Mean nucleus radius" not in text


def test_every_text_of_the_templates_goes_through_the_catalogue() -> None:
    import bedside.review

    for template in sorted((Path(bedside.review.__file__).parent / "templates").glob("*.html")):
        markup = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", " ", template.read_text(encoding="utf-8"), flags=re.DOTALL)
        bare = re.sub(r"<[^>]*>", " ", markup)
        left = set(re.findall(r"[A-Za-z]{2,}", bare))
        assert left <= {"bedside"}, (template.name, left)


@pytest.mark.parametrize("path", ["/answers/none", "/nothing/here"])
def test_a_failure_leaves_who_is_logged_in_where_they_were(hospital: Any, path: str) -> None:
    client = hospital.client("clinician")
    failed = client.get(path, headers={"Accept": "text/html"})
    assert failed.status_code == 404
    assert 'href="/releases"' in failed.text
    assert "Not approved for care." in failed.text
    token = re.search(r'action="/preferences".*?name="csrf" value="([^"]+)"', failed.text, re.DOTALL)
    assert token is not None
    switched = client.post("/preferences", data={"csrf": token[1], "language": "zh-CN", "next": "/"})
    assert switched.status_code == 303
    stranger = hospital.anonymous().get(path, headers={"Accept": "text/html"})
    assert stranger.status_code in (303, 404)
    assert 'href="/releases"' not in stranger.text
