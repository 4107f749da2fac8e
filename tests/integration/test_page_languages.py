"""Tests that every text of the pages is in the reader's language, whoever that is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select, update

from publisher.core.date_format import language_name
from publisher.core.messages import Face, Reader, _, ngettext, reading_as
from publisher.db.staff import Person, WebSession
from publisher.settings import SettingsError
from publisher.web.rendering import templates
from publisher.web.script_texts import texts_of_scripts
from tests.conftest import OpenOutlet
from tests.desk_site import Client, Site, open_site
from tests.full_site import CHIEF, WRITER, build_full_site
from tests.page_walk import pages_of
from tests.pseudo_locale import CLOSING, OPENING, PSEUDO_LANGUAGE, pseudo_locale
from tests.untranslated import data_of, untranslated_texts

FORMS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/queue/move", {"to": "front"}),
    ("/queue/move", {"one": "10 down"}),
    ("/queue/approve", {"posts": ["9", "10"]}),
    ("/queue/tag", {"posts": ["9", "10"], "tags": "new"}),
    ("/queue/tag", {"posts": ["9"], "tags": "new", "tagging": "remove"}),
    ("/queue/withdraw", {"posts": ["13"]}),
    ("/calendar/place", {"post": "9", "day": "2026-06-01"}),
    ("/calendar/place", {"post": "9", "undated": "true"}),
    ("/calendar/place", {"csrf": "of another page", "post": "9"}),
    ("/calendar/place", {"post": "no number"}),
    ("/calendar/keys", {"name": "my watch"}),
    ("/posts", {"title": "Brand new"}),
    ("/posts/9", {"title": "", "links": "no label", "version": "1", "embargo_until": "2026-03-29T01:30"}),
    ("/posts/9", {"title": "Mine", "version": "0"}),
    ("/posts/9/versions/1", {}),
    ("/account/tokens", {"name": "the archive", "scopes": ["read"], "days": "90"}),
    ("/account/password", {"new": "short"}),
    ("/people", {"email": "ola@example.org", "name": "Ola", "roles": ["editor"]}),
    ("/webhooks/1/active", {"active": "false"}),
)
TYPED = frozenset(str(value) for _path, form in FORMS for value in form.values())


@pytest.fixture(scope="module")
def pseudo() -> Iterator[None]:
    with pseudo_locale():
        yield


@pytest.fixture(scope="module")
def full(pseudo: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBLISHER__OUTLET__DESK_LANGUAGE", PSEUDO_LANGUAGE)
        desk = build_full_site(tmp_path_factory.mktemp("full"))
    with open_site(desk) as opened:
        yield opened
    desk.database.close()


@pytest.fixture(scope="module")
def chief(full: Site) -> Client:
    return full.client("admin", "editor", "operator", email=CHIEF)


@pytest.fixture(scope="module")
def data(full: Site) -> frozenset[str]:
    with reading_as(Reader(PSEUDO_LANGUAGE)):
        languages = {language_name(language) for language in ("en", "ca")}
    return data_of(full.desk) | TYPED | languages


def choose(site: Site, email: str, language: str | None) -> None:
    """Sets the language of a person's pages."""
    with site.desk.database.writing() as session:
        session.execute(update(Person).where(Person.email == email).values(language=language))


def check_texts(page: str, data: frozenset[str], where: str) -> None:
    hard_coded = untranslated_texts(page, data)
    assert not hard_coded, f"{where} has texts that are not translated: {hard_coded}"


def test_no_page_has_a_text_of_its_own(full: Site, chief: Client, data: frozenset[str]) -> None:
    clients = {
        "chief": chief,
        "writer": full.client("contributor", email=WRITER),
        "nobody": full.client(),
    }
    for page in pages_of(full):
        for who in ["nobody"] if page.is_public else ["chief", "writer"]:
            check_texts(clients[who].get(page.path).text, data, f"{page.path} for the {who}")


@pytest.mark.parametrize(("path", "form"), FORMS)
def test_no_answer_to_a_form_has_a_text_of_its_own(
    full: Site, chief: Client, data: frozenset[str], path: str, form: dict[str, Any]
) -> None:
    answer = chief.send_form(path, form)
    assert answer.status_code != 500
    check_texts(answer.text, data | {"post", full.url}, path)


@pytest.mark.parametrize(
    ("page", "hard_coded"),
    [
        ("<p>Write a post</p>", ["Write a post"]),
        (f"<p>{OPENING}Write <b>a</b> post{CLOSING} now</p>", ["now"]),
        ('<a title="To the front">↑</a>', ["To the front"]),
        ('<input placeholder="my phone" value="typed">', ["my phone"]),
        ("<p>Rings of purple</p><code>GET /posts</code><p lang='en'>a note</p>", []),
        ("<p>Rings of purple is first</p>", ["Rings of purple is first"]),
        ('<script type="application/json">{"texts": {"saved": "Saved."}}</script>', ["Saved."]),
        ("<p class='prose'>of purple</p>", []),
    ],
)
def test_a_text_outside_the_catalogue_is_found(page: str, hard_coded: list[str]) -> None:
    assert untranslated_texts(page, frozenset({"Rings of purple"})) == hard_coded


def test_a_text_that_is_hard_coded_is_found_on_a_page(chief: Client, data: frozenset[str]) -> None:
    page = chief.get("/queue").text
    translated = next(text for text in re.findall(f"{OPENING}New post[^{CLOSING}]*{CLOSING}", page))
    check_texts(page, data, "/queue")
    with pytest.raises(AssertionError, match="New post"):
        check_texts(page.replace(translated, "New post"), data, "/queue")


def test_each_person_reads_their_own_language(full: Site, chief: Client) -> None:
    ines = full.client("editor", email="ines@example.org")
    choose(full, "ines@example.org", "en")
    for _again in range(2):
        # Both pages are in the cache.
        assert OPENING in chief.get("/queue").text
        assert OPENING not in ines.get("/queue").text
    assert f'<html lang="{PSEUDO_LANGUAGE}">' in chief.get("/queue").text
    assert '<html lang="en">' in ines.get("/queue").text
    choose(full, "ines@example.org", "qq")
    assert OPENING in ines.get("/queue").text, "a language that is gone gives way to the outlet's"


def test_a_person_chooses_the_language_on_the_account_page(full: Site) -> None:
    sol = full.client("operator", email="sol@example.org")
    assert f'<option value="{PSEUDO_LANGUAGE}"' in sol.get("/account").text
    chosen = sol.send_form("/account/language", {"language": "en"})
    assert "The language of your pages is changed." in chosen.text
    assert OPENING not in chosen.text
    assert sol.send_form("/account/language", {"language": "qq"}).status_code == 400
    assert OPENING not in sol.get("/account").text
    assert OPENING in sol.send_form("/account/language", {"language": ""}).text


def test_a_flash_is_rendered_for_whoever_reads_it(full: Site) -> None:
    sol = full.client("operator", email="sol@example.org")
    text = [ngettext("{count} post waits", "{count} posts wait", count=2), _("Saved.")]
    stored = [{"source": message.source, "plural": message.plural, "values": dict(message.values)} for message in text]
    flashes = [{"tone": "good", "text": stored}, {"tone": "note", "text": "as <b>older</b> versions stored it"}]
    with full.desk.database.writing() as session:
        person = session.scalars(select(Person.id).where(Person.email == "sol@example.org")).one()
        session.execute(update(WebSession).where(WebSession.person_id == person).values(flash=flashes))
    page = sol.get("/account").text
    assert f"{OPENING}2 posts wait" in page
    assert f"{OPENING}Saved." in page
    assert "as &lt;b&gt;older&lt;/b&gt; versions stored it" in page


def test_a_value_of_a_text_is_escaped() -> None:
    template = templates().from_string("{{ text }} {{ _('Tick %(post)s', post=text) }}")
    with reading_as(Reader(face=Face.PAGE)):
        shown = template.render(text=_("{name} is here.", name="<script>"))
    assert shown == "&lt;script&gt; is here. Tick &lt;script&gt; is here."


def test_a_script_gets_the_plural_forms_of_its_language(pseudo: None) -> None:
    with reading_as(Reader(PSEUDO_LANGUAGE)):
        texts = texts_of_scripts(["uploads.js"])["texts"]
    assert isinstance(texts, dict)
    assert set(texts["on_their_way"]) == {"one", "other"}
    assert all(form.startswith(OPENING) for form in texts["on_their_way"].values())
    assert texts_of_scripts(["deliveries.js"]) == {"language": "en", "texts": {}}


def test_a_language_without_catalogue_is_refused(open_outlet: OpenOutlet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLISHER__OUTLET__DESK_LANGUAGE", "qq")
    with pytest.raises(SettingsError, match="the desk's texts are not translated to “qq”; choose one of en"):
        open_outlet("x").desk.settings.outlet.name  # noqa: B018 - the settings are read here
