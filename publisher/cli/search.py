"""`publisher search`: finds posts by their words and other things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from publisher.cli.desk import desk_of
from publisher.cli.echo import echo
from publisher.cli.listing import OTHER_FIELD_NAMES
from publisher.cli.output import escape, json_option, print_json, print_table, styled
from publisher.core.field_names import FIELD_NAMES
from publisher.core.messages import _
from publisher.db.post_search import is_complete
from publisher.posts.drafts import FIRST_YEAR, LAST_YEAR
from publisher.posts.search import PAGE_SIZE, FoundPost, PostFilter, find_posts, find_search_matches
from publisher.posts.search_matches import SearchMatch
from publisher.posts.titles import shown_title


@click.command("search")
@click.argument("words", nargs=-1)
@click.option("--state", type=click.Choice(["draft", "in_review", "approved", "withdrawn", "shown"]))
@click.option("--year", type=click.IntRange(FIRST_YEAR, LAST_YEAR), help="Shown last in this year.")
@click.option("--tag", default="")
@click.option("--person", default="", help="Who wrote it or is credited.")
@click.option("--credit", default="", help="Words of the credit, such as an institution.")
@click.option("--licence", default="")
@click.option("--platform", default="", help="The name of a platform where it is published.")
@click.option("--limit", default=PAGE_SIZE, show_default=True, type=click.IntRange(1), help="At most so many.")
@json_option
@click.pass_context
def search_command(
    ctx: click.Context, /, words: tuple[str, ...], state: str | None, limit: int, as_json: bool, **more: Any
) -> None:
    """Find posts by WORDS of any field in any language: what fits best first, else the newest.

    "two words" finds a phrase (put it in quotes once more for the shell), neu* a beginning, title:neurons looks into
    the title; so do alt: credit: tag: by: licence: for their fields.
    """
    desk = desk_of(ctx)
    criteria = PostFilter(" ".join(words), state or "", **more)
    criteria.check()
    with desk.database.reading() as session:
        posts = find_posts(session, criteria=criteria, limit=limit)
        matches = find_search_matches(session, [post.id for post in posts], criteria)
        indexed = not criteria.needs_words or is_complete(session)
    if as_json:
        print_json([_as_json(post, matches) for post in posts])
        return
    if not indexed:
        echo(str(_("Some posts are not in the search index yet; of those only words as they are typed are found.")))
    if not posts:
        echo(str(_("No post matches.")))
        return
    columns = (_("post"), _("state"), _("shown"), _("title"), _("found in"))
    print_table("", columns, (_cells(post, matches) for post in posts))


def _cells(post: FoundPost, matches: Mapping[int, tuple[SearchMatch, ...]]) -> tuple[str, ...]:
    places = "\n".join(map(_styled_match, matches.get(post.id, ())))
    title = escape(shown_title(post.title))
    return str(post.id), styled(post.state), str(post.last_shown_on or "–"), title, places


def _styled_match(match: SearchMatch) -> str:
    name = match.where.field
    field = FIELD_NAMES.get(name) or OTHER_FIELD_NAMES.get(name) or name
    text = "".join(f"[bold]{escape(part.text)}[/]" if part.is_match else escape(part.text) for part in match.parts)
    return f"{escape(str(field))} ({match.where.language}): {text}"


def _as_json(post: FoundPost, matches: Mapping[int, tuple[SearchMatch, ...]]) -> dict[str, Any]:
    names = ("id", "title", "language", "state", "tags", "last_shown_on", "reserve")
    found = [
        {
            "field": match.where.field,
            "language": match.where.language,
            "parts": [{"text": part.text, "is_match": part.is_match} for part in match.parts],
        }
        for match in matches.get(post.id, ())
    ]
    return {**{name: getattr(post, name) for name in names}, "matches": found}
