"""Tests that links and ids of posts, in every form that people copy, give one id or are refused."""

from __future__ import annotations

import pytest
from instagrapi.utils import InstagramIdCodec

from publisher.platforms.instagram.links import code_of
from publisher.platforms.links import LinkFault, LinkRefused
from publisher.platforms.profiles import load_profile
from publisher.platforms.registry import adapter_class

ACCOUNTS = {"x": "@Picture_Desk", "tumblr": "picture-of-the-day.tumblr.com", "instagram": "picture.desk"}
NUMBERS = {"x": "1790000000000000001", "tumblr": "731234567890123456", "instagram": "3141592653589793238"}
CODE = InstagramIdCodec.encode(int(NUMBERS["instagram"]))

SAME = [
    ("x", "{n}"),
    ("x", " {n}\n"),
    ("x", "https://x.com/Picture_Desk/status/{n}"),
    ("x", "https://x.com/picture_desk/status/{n}/photo/1"),
    ("x", "https://x.com/i/web/status/{n}"),
    ("x", "https://x.com/i/status/{n}"),
    ("x", "http://www.twitter.com/Picture_Desk/statuses/{n}?s=20&t=AbC"),
    ("x", "https://mobile.twitter.com/Picture_Desk/status/{n}#replies"),
    ("x", "https://m.x.com//Picture_Desk/status/{n}/"),
    ("x", "https://x.com:443/Picture_Desk/status/{n}/analytics"),
    ("x", "HTTPS://X.COM/Picture_Desk/status/{n}"),
    ("x", "x.com/Picture_Desk/status/{n}"),
    ("x", "https://x.com./Picture_Desk/status/{n}"),
    ("tumblr", "{n}"),
    ("tumblr", "https://picture-of-the-day.tumblr.com/post/{n}"),
    ("tumblr", "https://Picture-of-the-Day.tumblr.com/post/{n}/a-quiet-cell-0123456789ab"),
    ("tumblr", "https://picture-of-the-day.tumblr.com/post/{n}/2026"),
    ("tumblr", "https://picture-of-the-day.tumblr.com/image/{n}"),
    ("tumblr", "https://www.tumblr.com/picture-of-the-day/{n}/a-quiet-cell?source=share"),
    ("tumblr", "https://tumblr.com/picture-of-the-day/{n}"),
    ("tumblr", "https://www.tumblr.com/blog/picture-of-the-day/{n}/a-quiet-cell"),
    ("tumblr", "https://www.tumblr.com/blog/view/picture-of-the-day/{n}"),
    ("tumblr", "https://www.tumblr.com/dashboard/blog/picture-of-the-day/{n}#notes"),
    ("instagram", "{n}"),
    ("instagram", "{n}_1234567"),
    ("instagram", "{c}"),
    ("instagram", "https://www.instagram.com/p/{c}/"),
    ("instagram", "https://instagram.com/p/{c}?igsh=MzRlODBiNWFlZA==&img_index=2"),
    ("instagram", "https://m.instagram.com/picture.desk/p/{c}/"),
    ("instagram", "https://www.instagram.com/Picture.Desk/reel/{c}/"),
    ("instagram", "https://www.instagram.com/tv/{c}/"),
    ("instagram", "https://instagr.am/p/{c}"),
    ("instagram", "https://www.instagram.com/p/{c}AbCdEfGhIjKlMnOpQrStUvWxYz12/"),
]

REFUSED = [
    ("x", "", "not-a-link"),
    ("x", "look at the post", "not-a-link"),
    ("x", "javascript:alert(1)//x.com/a/status/1", "not-a-link"),
    ("x", "ftp://x.com/Picture_Desk/status/1", "not-a-link"),
    ("x", "https://x.com@evil.example/Picture_Desk/status/1", "not-a-link"),
    ("x", "https://me:secret@x.com/Picture_Desk/status/1", "not-a-link"),
    ("x", "https://evil.example\\@x.com/Picture_Desk/status/1", "not-a-link"),
    ("x", "https://x.com:99999/Picture_Desk/status/1", "not-a-link"),
    ("x", "https://[x.com/Picture_Desk/status/1", "not-a-link"),
    ("x", "https://x.com/Picture_Desk/status/1\u200b", "not-a-link"),
    ("x", f"https://x.com/Picture_Desk/status/{'1' * 3000}", "not-a-link"),
    ("x", "https://x.com:8443/Picture_Desk/status/1", "other-platform"),
    ("x", "https://x.com.evil.example/Picture_Desk/status/1", "other-platform"),
    ("x", "https://evil-x.com/Picture_Desk/status/1", "other-platform"),
    ("x", "https://х.com/Picture_Desk/status/1", "other-platform"),
    ("x", "https://www.instagram.com/p/Cabcdefghij/", "other-platform"),
    ("x", "https://x.com/somebody_else/status/1790000000000000001", "other-account"),
    ("x", "https://x.com/Picture_Desk", "not-a-post"),
    ("x", "https://x.com/Picture_Desk/status/", "not-a-post"),
    ("x", "https://x.com/Picture_Desk/status/0", "not-a-post"),
    ("x", "https://x.com/Picture_Desk/status/-5", "not-a-post"),
    ("x", "https://x.com/Picture_Desk/status/007", "not-a-post"),
    ("x", "https://x.com/Picture_Desk/status/99999999999999999999", "not-a-post"),
    ("x", "https://x.com/Picture_Desk/status/9223372036854775808", "not-a-post"),
    ("x", "https://x.com/Picture_Desk/status/१२३४५", "not-a-post"),
    ("x", "१२३४५", "not-a-post"),
    ("x", "https://x.com/Picture_Desk/status/%31%32", "not-a-post"),
    ("tumblr", "tumblr", "not-a-link"),
    ("tumblr", "https://picture-of-the-day.tumblr.com.evil.example/post/1", "other-platform"),
    ("tumblr", "https://eviltumblr.com/picture-of-the-day/1", "other-platform"),
    ("tumblr", "https://pictures.example.org/post/731234567890123456", "other-platform"),
    ("tumblr", "https://another-blog.tumblr.com/post/731234567890123456", "other-account"),
    ("tumblr", "https://www.tumblr.com/another-blog/731234567890123456/slug", "other-account"),
    ("tumblr", "https://picture-of-the-day.tumblr.com/archive", "not-a-post"),
    ("tumblr", "https://www.tumblr.com/dashboard", "not-a-post"),
    ("tumblr", "https://www.tumblr.com/", "not-a-post"),
    ("instagram", "a word", "not-a-link"),
    ("instagram", "instagram", "not-a-link"),
    ("instagram", "https://www.instagram.com.evil.example/p/Cabcdefghij/", "other-platform"),
    ("instagram", "https://www.instagram.com/somebody/p/Cabcdefghij/", "other-account"),
    ("instagram", "https://www.instagram.com/picture.desk/", "not-a-post"),
    ("instagram", "https://www.instagram.com/p/C%2Fabc/", "not-a-post"),
    ("instagram", "https://www.instagram.com/p/___________/", "not-a-post"),
    ("instagram", "https://www.instagram.com/stories/picture.desk/3141592653589793238/", "not-a-post"),
]


@pytest.mark.parametrize(("platform", "form"), SAME)
def test_every_form_of_one_post_is_one_id(platform: str, form: str) -> None:
    reference = form.format(n=NUMBERS[platform], c=CODE)
    adapter = adapter_class(platform)
    assert adapter.post_id_of(reference, ACCOUNTS[platform]) == NUMBERS[platform]
    assert adapter.post_id_of(reference, "") == NUMBERS[platform]


@pytest.mark.parametrize(("platform", "reference", "fault"), REFUSED)
def test_what_is_no_post_of_the_account_is_refused_with_its_reason(platform: str, reference: str, fault: str) -> None:
    with pytest.raises(LinkRefused) as refused:
        adapter_class(platform).post_id_of(reference, ACCOUNTS[platform])
    assert refused.value.fault == LinkFault(fault)


def test_a_blog_with_a_domain_of_its_own_is_known_by_it() -> None:
    number = NUMBERS["tumblr"]
    link = f"https://pictures.example.org/post/{number}/slug"
    assert adapter_class("tumblr").post_id_of(link, "pictures.example.org") == number


@pytest.mark.parametrize("platform", sorted(ACCOUNTS))
def test_the_address_of_an_id_leads_back_to_it(platform: str) -> None:
    adapter = adapter_class(platform)
    address = adapter.post_url_of(NUMBERS[platform], ACCOUNTS[platform], load_profile(platform))
    assert adapter.post_id_of(address, ACCOUNTS[platform]) == NUMBERS[platform]


@pytest.mark.parametrize("number", [1, 63, 64, 3141592653589793238, 2**63 - 1])
def test_instagrams_codes_are_made_as_its_clients_make_them(number: int) -> None:
    assert code_of(str(number)) == InstagramIdCodec.encode(number)
