"""Describes posts as the site's pages show them, in the language of a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from publisher.adapt.text.fields import clean_post, credit_lines, licence_of
from publisher.adapt.text.markdown import plain_words
from publisher.adapt.text.rich_html import line_html, page_html
from publisher.core.characters import clean_line
from publisher.core.content import Link, SourcePost
from publisher.db.models import Post
from publisher.posts.channel_posts import source_post
from publisher.posts.public_posts import PublicPost
from publisher.site.addresses import slug_of
from publisher.site.licences import licence_url
from publisher.site.pictures import SitePicture, site_pictures

WEB = ("https://", "http://")


@dataclass(frozen=True, slots=True)
class Tag:
    """Holds a tag or a person, and the part of an address that lists what it names."""

    label: str
    slug: str


@dataclass(frozen=True, slots=True)
class PostView:
    """Holds what a page shows of a post. The texts are in `language`, which may not be the page's."""

    id: int
    days: tuple[date, ...]
    language: str
    languages: tuple[str, ...]
    """The languages in which somebody wrote it, its own first."""
    title: str
    standfirst: str
    """Plain, as the title: for lists, and for programs."""
    title_html: Markup
    standfirst_html: Markup
    body_html: Markup
    written_by: Tag | None
    written_by_html: Markup
    credits_html: tuple[Markup, ...]
    licence: str
    licence_url: str | None
    tags: tuple[Tag, ...]
    link: str
    links: tuple[Link, ...]
    pictures: tuple[SitePicture, ...]

    @property
    def day(self) -> date:
        """Returns the day on which it was shown first."""
        return self.days[0]


def post_view(public: PublicPost, language: str) -> PostView:
    """Describes a post in a language, or in its own where nobody has translated it."""
    source, _too_long = clean_post(source_in(public.content, language))
    written_by = plain_words(source.written_by)
    licence = plain_words(licence_of(source))
    return PostView(
        id=public.id,
        days=public.days,
        language=source.language,
        languages=languages_of(public.content),
        title=plain_words(source.title),
        standfirst=plain_words(source.standfirst),
        title_html=line_html(source.title),
        standfirst_html=line_html(source.standfirst),
        body_html=page_html(source.body),
        written_by=tag_of(written_by),
        written_by_html=line_html(source.written_by),
        credits_html=tuple(line_html(line) for line in credit_lines(source)),
        licence=licence,
        licence_url=licence_url(licence),
        tags=tags_of(source),
        link=source.link if source.link.startswith(WEB) else "",
        links=tuple(link for link in source.links if link.url.strip().startswith(WEB)),
        pictures=site_pictures(public.id, source),
    )


def source_in(post: Post, language: str) -> SourcePost:
    """Returns a post's texts in a language, else in its own."""
    source = source_post(post, language) or source_post(post, post.language)
    if source is None:
        raise ValueError("a post has a text in its own language")
    return source


def languages_of(post: Post) -> tuple[str, ...]:
    """Lists the languages in which a post has a title and a text."""
    return (post.language, *(name for name, fields in post.translations.items() if fields.get("title")))


def tags_of(source: SourcePost) -> tuple[Tag, ...]:
    """Lists the tags of a post; of those with the same words the first one."""
    tags: dict[str, Tag] = {}
    for label in source.tags:
        if tag := tag_of(label):
            tags.setdefault(tag.slug, tag)
    return tuple(tags.values())


def tag_of(label: str) -> Tag | None:
    """Returns what a tag or a name is listed by; None: it has no words."""
    slug = slug_of(label)
    return Tag(clean_line(label), slug) if slug else None
