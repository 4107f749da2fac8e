"""Tests that post files, good and bad, are read."""

from __future__ import annotations

import os
import socket
import textwrap
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from publisher.core.content import Box, Framing, ImageChoices
from publisher.db.session import Database
from publisher.intake import post_files
from publisher.intake.post_files import read_file, read_folder, read_post_file
from publisher.media import FolderStore
from publisher.posts import pictures
from publisher.posts.drafts import ImageDraft, Translation
from publisher.posts.errors import PostError
from publisher.posts.posts import add_post
from tests.queue_desk import facts_of_content

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a post file beside the picture `cells.png`."""
    folder = tmp_path / "posts"
    folder.mkdir()
    (folder / "cells.png").write_bytes(b"cells")

    def write_file(text: str, name: str = "post.md") -> Path:
        path = folder / name
        path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
        return path

    return write_file


TOML = """
    +++
    title = "Mother’s Milk"
    standfirst = "Insight into breast cells"
    written_by = "Ada"
    credit = "Jane Doe"
    licence = "CC BY 4.0"
    link = "https://example.org/2026/5/12"
    links = [{ label = "Paper", url = "https://example.org/paper" }]
    tags = ["breastfeeding", "cells"]
    language = "en"
    fixed_date = 2026-05-12
    embargo_until = 2026-05-12T07:00:00+01:00

    [captions]
    web = "By hand"

    [translations.ca]
    title = "Llet materna"
    alt_texts = ["Cèl·lules"]

    [[images]]
    file = "cells.png"
    alt = "Cells in a dish"
    credit = "John Doe"
    licence = "CC0"
    fit = "crop"
    focal_point = [0.25, 0.5]
    channels.web = { fit = "pad" }
    protected = [{ left = 0.1, top = 0.1, width = 0.5, height = 0.5 }]
    +++

    Breast milk is *made* by cells.

    And more.
"""
YAML = """
    ---
    title: Mother’s Milk
    standfirst: Insight into breast cells
    written_by: Ada
    credit: Jane Doe
    licence: CC BY 4.0
    link: https://example.org/2026/5/12
    links:
      - {label: Paper, url: "https://example.org/paper"}
    tags: [breastfeeding, cells]
    language: en
    fixed_date: 2026-05-12
    embargo_until: 2026-05-12T07:00:00+01:00
    captions:
      web: By hand
    translations:
      ca: {title: Llet materna, alt_texts: [Cèl·lules]}
    images:
      - file: cells.png
        alt: Cells in a dish
        credit: John Doe
        licence: CC0
        fit: crop
        focal_point: [0.25, 0.5]
        channels: {web: {fit: pad}}
        protected:
          - {left: 0.1, top: 0.1, width: 0.5, height: 0.5}
    ---
    Breast milk is *made* by cells.

    And more.
"""


@pytest.mark.parametrize("text", [TOML, YAML], ids=["toml", "yaml"])
def test_both_kinds_of_front_matter_give_the_same_post(write: Write, text: str) -> None:
    path = write(text)
    draft = read_post_file(path)
    assert draft.title == "Mother’s Milk"
    assert draft.body == "Breast milk is *made* by cells.\n\nAnd more."
    assert (draft.written_by, draft.credit, draft.licence, draft.language) == ("Ada", "Jane Doe", "CC BY 4.0", "en")
    assert [(link.label, link.url) for link in draft.links] == [("Paper", "https://example.org/paper")]
    assert draft.tags == ("breastfeeding", "cells")
    assert draft.fixed_date == date(2026, 5, 12)
    assert draft.embargo_until == datetime(2026, 5, 12, 6, 0, tzinfo=UTC)
    assert draft.captions == {"web": "By hand"}
    expected = Translation(title="Llet materna", alt_texts=("Cèl·lules",))
    assert draft.translations["ca"].model_dump() == expected.model_dump()
    [image] = draft.images
    assert image.file == (path.parent / "cells.png").resolve()
    assert (image.alt_text, image.credit, image.licence) == ("Cells in a dish", "John Doe", "CC0")
    box = Box(left=0.1, top=0.1, width=0.5, height=0.5)
    choices = ImageChoices(fit="crop", focal_point=(0.25, 0.5), protected=(box,), channels={"web": Framing(fit="pad")})
    assert image.choices.model_dump() == choices.model_dump()


def test_a_title_is_one_line(write: Write) -> None:
    assert read_post_file(write("---\ntitle: |\n  Two\n  lines\ncredit: |\n  A\n  B\n---")).title == "Two lines"


def test_what_is_left_out_has_its_usual_value(write: Write) -> None:
    draft = read_post_file(write('+++\ntitle = "Cells"\nreserve = true\n+++\n'))
    assert (draft.reserve, draft.images, draft.body, draft.fixed_date) == (True, (), "", None)


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(write: Write) -> None:
    path = write("")
    path.write_bytes("\ufeff---\r\ntitle: Cells\r\n---\r\nBody\r\n".encode())
    assert (read_post_file(path).title, read_post_file(path).body) == ("Cells", "Body")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('+++\ntitle = "x"\ntagz = ["a"]\n+++', r"post\.md:3: unknown key “tagz”; did you mean “tags”\?"),
        ("---\ntitle: x\nstandfrist: y\n---", r"post\.md:3: unknown key “standfrist”; did you mean “standfirst”\?"),
        ("---\ntitle: x\nbody: y\n---", r"post\.md:3: unknown key “body”; known are"),
        ("---\nstandfirst: x\n---", r"post\.md: “title” is missing; add it"),
        ("---\ntitle: 2026\n---", r"post\.md:2: title: put it in quotes, to make it a text: title: \"2026\""),
        (
            "---\ntitle: x\nlanguage: no\n---",
            r'post\.md:3: language: put it in quotes, to make it a text: language: "no"',
        ),
        ('+++\ntitle = "x"\n\ntags = [1]\n+++', r'post\.md:4: tags, entry 1: put it in quotes, to make it a text: "1"'),
        ('+++\ntitle = "x"\nlink = "example.org"\n+++', r"post\.md:3: link: “example\.org” is no web address"),
        (
            "---\ntitle: x\nembargo_until: 2026-05-12 10:00:00\n---",
            r"post\.md:3: embargo_until: .*write its offset, such as",
        ),
        ('+++\ntitle = "x"\nfixed_date = "soon"\n+++', r"post\.md:3: fixed_date: "),
        ('+++\ntitle = "x\n+++', r"post\.md:2: title: the text has no quote at its end; end it on its line"),
        ("---\ntitle: [x\n---", r'post\.md:2: title: put the value in quotes: title: "\[x"'),
        ("---\ntitle: x\ntitle: y\n---", r"post\.md:3: this is no valid YAML: “title” is given twice"),
        ("---\na: &a [x]\nb: *a\n---", r"post\.md:3: this is no valid YAML: aliases"),
        ("---\ntitle: !!python/name:os.system\n---", r"post\.md:2: title: put the value in quotes: "),
        ("---\n- x\n---", r"post\.md:2: the front matter is a list of fields"),
        ("---\n---", r"post\.md:2: the front matter is a list of fields"),
        ("title: x", r"post\.md:1: a post file begins with a line"),
        ("", r"post\.md:1: a post file begins with a line"),
        ("+++\ntitle = 'x'\n", r"post\.md:1: the fields that begin with \+\+\+ never end"),
        ("---\ntitle: " + "[" * 5000 + "\n---", r"this is no valid YAML"),
        (
            "---\ntitle: x\nimages: cells.png\n---",
            r"post\.md:3: images is a list, of which each has a file and its alt text; begin each with - \{file",
        ),
        ("---\ntitle: x\nimages:\n  - alt: y\n---", r"picture 1: the field file is missing; name the picture"),
        (
            "---\ntitle: x\nimages:\n  - file: cells.png\n    alt: y\n  - file: cels.png\n---",
            r"post\.md:6: there is no picture “cels\.png”; did you mean “cells\.png”\?",
        ),
        (
            "---\ntitle: x\nimages:\n  - file: cells.png\n    alt_text: y\n---",
            r"post\.md:5: unknown key “alt_text”; did you mean “alt”\?",
        ),
        (
            '+++\ntitle = "x"\n[[images]]\nfile = "cells.png"\n[[images]]\nfile = "cells.png"\nfit = "stretch"\n+++',
            r"post\.md:7: picture 2, fit: input should be 'pad', 'crop', 'split' or 'as-is'",
        ),
        (
            '+++\ntitle = "x"\n[[images]]\nfile = "cells.png"\nalt = 5\n+++',
            r'post\.md:5: picture 1, alt: put it in quotes, to make it a text: alt = "5"',
        ),
        ("---\ntitle: x\ntags: a, b\n---", r"post\.md:3: tags: it is a list; write \[a, b\]"),
        ('+++\ntitle = "x"\ntags = "a, b"\n+++', r'post\.md:3: tags: it is a list; write \["a", "b"\]'),
        (
            "---\ntitle: x\nfixed_date: 12/05/2027\n---",
            r"post\.md:3: fixed_date: 12/05/2027 can be two days; write 2027-05-12 or 2027-12-05",
        ),
        (
            '+++\ntitle = "x"\nfixed_date = 12/05/2027\n+++',
            r"post\.md:3: fixed_date: 12/05/2027 can be two days; write 2027-05-12 or 2027-12-05",
        ),
        ("---\ntitle: x\nfixed_date: 25.12.2027\n---", r"post\.md:3: fixed_date: 25\.12\.2027 .*; write 2027-12-25"),
        ("---\ntitle: x\nfixed_date: 2027/12/25\n---", r"post\.md:3: fixed_date: 2027/12/25 .*; write 2027-12-25"),
        ("---\ntitle: x\nfixed_date: 2027-02-30\n---", r"post\.md:3: .*2027-02-30 is no day of the calendar"),
        (
            "---\ntitle: x\nembargo_until: 12/05/2027 10:00\n---",
            r"post\.md:3: embargo_until: 12/05/2027 can be two days",
        ),
        ("---\ntitle: A: b\n---", r'post\.md:2: title: put the value in quotes: title: "A: b"'),
        ('---\ntitle: "A" b\n---', r"""post\.md:2: title: put the value in quotes: title: '"A" b'"""),
        ("---\ntitle: 'It's'\n---", r"""post\.md:2: title: put the value in quotes: title: "It's\""""),
        ("---\ntitle: [Fe] in cells\n---", r'post\.md:2: title: put the value in quotes: title: "\[Fe\] in cells"'),
        ("---\ncredit: @home\n---", r'post\.md:2: credit: put the value in quotes: credit: "@home"'),
        (
            "---\ntitle: x\ntags: [#a, #b]\n---",
            r"post\.md:3: tags: # begins a comment; write it without #, or in quotes",
        ),
        ("---\ntitle: x\ntags:\n  - #a\n---", r"post\.md:3: tags, entry 1: it is empty, because # begins a comment"),
        ("---\ntitle:\n---", r"post\.md:2: title: it is empty; write it, or remove the line"),
        ("---\ntitle: x\n\tcredit: y\n---", r"post\.md:3: a line can't begin with a tab; indent it with spaces"),
        ('---\ntitle: x\nreserve: "soon"\n---', r"post\.md:3: reserve: write true or false, without quotes"),
        ("---\ntitle: x\ntranslations: ca\n---", r"post\.md:3: translations: it has fields of its own"),
        ("+++\ntitle = A river\n+++", r'post\.md:2: title: put the text in quotes: title = "A river"'),
        ("+++\ntitle = “A river”\n+++", r'post\.md:2: title: put the text in quotes: title = "A river"'),
        ("+++\ntitle = 'It's'\n+++", r"""post\.md:2: title: put the text in quotes: title = "It's\""""),
        ("+++\ntitle: A\n+++", r'post\.md:2: title: write = and not a colon: title = "A"'),
        ('+++\ntitle = "x"\ntitle = "y"\n+++', r"post\.md:3: title: it is given twice"),
        ('+++\ntitle = "x"\nreserve = True\n+++', r"post\.md:3: reserve: write true or false, in small letters"),
        (
            '+++\ntitle = "x"\nfixed_date = 2027-02-30\n+++',
            r"post\.md:3: fixed_date: 2027-02-30 is no day of the calendar",
        ),
        ("+++\ntitle =\n+++", r"post\.md:2: title: it has no value; write one, or remove the line"),
        (
            '+++\ntitle = "x"\n[[images]]\nfile = "cells.png"\nfocal_point = [1.5, 0]\n+++',
            r"post\.md:5: picture 1, focal_point",
        ),
        ("---\ntitle: x\nfixed_date: 12 May 2027\n---", r"post\.md:3: fixed_date: this is no date; write it like 2026"),
        ("---\ntitle: x\nfixed_date: 2027-05-12T10:00\n---", r"post\.md:3: fixed_date: this is no date; write it like"),
        ("---\ntitle: x\nlanguage: Catalan\n---", r"post\.md:3: language: “Catalan” is no code of a language; write"),
        (
            "---\ntitle: x\ntags: #a #b\n---",
            r"post\.md:3: tags: it is empty, because # begins a comment; write \[a, b\]",
        ),
        ("---\ntitle: x\ntags: [#a, #b]\nimages:\n  - {file: cells.png}\n---", r"post\.md:3: tags: # begins a comment"),
        (
            "---\ntitle: x\nlinks: https://a.org\n---",
            r"post\.md:3: links: it is a list; write \[\{label: the paper, url",
        ),
        ("---\ntitle: x\nlinks:\n  - https://a.org\n---", r"post\.md:3: links, entry 1: it has a label and an address"),
        ("---\ntitle: &more\n---", r'post\.md:2: title: put it in quotes, to make it a text: title: "&more"'),
        ('---\ntitle: "A\\p"\n---', r"post\.md:2: title: put the value in quotes: title: 'A\\p'"),
        ("---\ntitle: x\n credit: y\n---", r"post\.md:3: credit: begin the line at its left edge, as the one above it"),
        ("---\ntitle: x\ndate: 2027-05-12\n---", r"post\.md:3: unknown key “date”; did you mean “fixed_date”\?"),
        (
            "---\ntitle: x\nimages:\n  - {file: cells.png, alt: Cells, green}\n---",
            r"post\.md:4: “green” belongs to the text before it; between braces, a text with a comma is put in quotes",
        ),
        (
            "---\ntitle: x\nimages:\n  - {file: cells.png, focal_point: centre}\n---",
            r"post\.md:4: picture 1, focal_point: it is a list of numbers; write focal_point: \[0\.5, 0\.5\]",
        ),
        (
            "---\ntitle: x\ntranslations:\n  ca:\n    titl: y\n---",
            r"post\.md:3: translations\.ca\.titl: there is no such",
        ),
        ("---\ntitle: x\ntranslations:\n  ca:\n    body: y\n---", r"post\.md:3: “translations\.ca\.title” is missing"),
        ('+++\ntitle = "x"\ntags = a, b\n+++', r'post\.md:3: tags: put each text .* quotes: tags = \["a", "b"\]'),
        ('+++\ntitle = "x"\ntags = [a, b]\n+++', r'post\.md:3: tags: put each text .* quotes: tags = \["a", "b"\]'),
        ('+++\ntitle = "C:\\path"\n+++', r"post\.md:2: title: put a text with a backslash in single quotes: title = '"),
        ('+++\nwritten by = "x"\n+++', r"post\.md:2: write the field as one word: written_by"),
        (
            '+++\n[[images]]\nfile = "cells.png"\ntitle = "x"\n+++',
            r"post\.md:4: “title” is a field of the post, not of the picture; write it above \[\[images\]\]",
        ),
        (
            '+++\ntitle = "x"\n[images]\nfile = "cells.png"\n+++',
            r"post\.md:3: images is a list, .* with \[\[images\]\]",
        ),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(write: Write, text: str, message: str) -> None:
    with pytest.raises(PostError, match=message) as error:
        read_post_file(write(text))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/etc/hostname", "leads out of the folder"),
        ("../secret.png", "leads out of the folder"),
        ("sub/../../secret.png", "leads out of the folder"),
        ("sub/../cells.png", "leads out of the folder"),
        ("linked.png", "leads out of the folder"),
        ("sub", "there is no picture “sub”"),
        ("cells\\u0000.png", "is no name of a file"),
        ("x" * 5000, "is no name of a file"),
        ("", "there is no picture"),
    ],
)
def test_only_pictures_in_the_folder_can_be_named(write: Write, tmp_path: Path, name: str, message: str) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    path = write(f'---\ntitle: x\nimages: [{{file: "{name}"}}]\n---')
    (path.parent / "sub").mkdir()
    (path.parent / "linked.png").symlink_to(secret)
    with pytest.raises(PostError, match=message):
        read_post_file(path)


def test_a_picture_in_a_sub_folder_is_found(write: Write) -> None:
    path = write("---\ntitle: x\nimages: [{file: sub/inner.png}]\n---")
    (path.parent / "sub").mkdir()
    (path.parent / "sub" / "inner.png").write_bytes(b"inner")
    assert read_post_file(path).images[0].file == (path.parent / "sub" / "inner.png").resolve()


def test_files_that_are_no_posts_are_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("---\ntitle: x\n---")
    path.write_bytes(b"---\ntitle: \xff\n---")
    with pytest.raises(PostError, match="save it as UTF-8"):
        read_post_file(path)
    monkeypatch.setattr(post_files, "MAX_POST_BYTES", 10)
    with pytest.raises(PostError, match="it is larger than 10 bytes"):
        read_post_file(path)
    with pytest.raises(PostError, match=r"gone\.md can't be read: No such file"):
        read_post_file(path.parent / "gone.md")


def test_a_folder_is_read_by_name_and_a_bad_file_stops_no_other(
    write: Write, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("---\ntitle: Second\nimages: [{file: cells.png, alt: Cells}]\n---", "02.md")
    write("---\ntitle: First\n---", "01.markdown")
    folder = write("---\ntitel: Third\n---", "03.md").parent
    (folder / "notes.txt").write_text("no post", encoding="utf-8")

    read_files = read_folder(folder)

    assert [read_file.path.name for read_file in read_files] == ["01.markdown", "02.md", "03.md"]
    assert [read_file.draft.title if read_file.draft else None for read_file in read_files] == ["First", "Second", None]
    assert str(read_files[2].problem) == f"{folder / '03.md'}:2: unknown key “titel”; did you mean “title”?"

    monkeypatch.setattr(pictures, "inspect_image", facts_of_content)
    now = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
    store = FolderStore(tmp_path / "media")
    ids = [add_post(database, store, read_file.draft, now).id for read_file in read_files if read_file.draft]
    assert ids == sorted(ids)
    assert [store.fetch(sha256).read_bytes() for sha256 in store.originals()] == [b"cells"]


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(PostError, match="name a folder of post files"):
        read_folder(tmp_path / "gone")


def test_a_name_is_found_whichever_way_the_disk_stores_its_accents(write: Write) -> None:
    path = write("---\ntitle: x\nimages: [{file: ce\u0301l·lula.png}, {file: été/inner.png}]\n---")
    composed, decomposed = path.parent / "c\u00e9l·lula.png", path.parent / "e\u0301te\u0301"
    composed.write_bytes(b"cell")
    decomposed.mkdir()
    (decomposed / "inner.png").write_bytes(b"inner")
    read = read_file(path)
    assert read.problem is None
    assert [image.file for image in read.checked().images] == [composed.resolve(), (decomposed / "inner.png").resolve()]
    assert read.hints == ()


def test_a_name_in_other_capitals_is_taken_and_told(write: Write) -> None:
    path = write("---\ntitle: x\nimages:\n  - {file: Cells.PNG}\n---")
    read = read_file(path)
    assert read.checked().images[0].file == (path.parent / "cells.png").resolve()
    assert [str(hint) for hint in read.hints] == [
        f"{path}:4: the picture “Cells.PNG” is called “cells.png” on this disk, and was taken; write its name as it is"
    ]
    (path.parent / "CELLS.png").write_bytes(b"others")
    with pytest.raises(PostError, match=r"there is no picture “Cells\.PNG”; did you mean"):
        read_post_file(path)


def test_a_title_that_a_comment_cuts_is_told(write: Write) -> None:
    read = read_file(write("---\ntitle: Cell #5 of # many\ncredit: 'Jane # Doe'\n# a comment\n---"))
    assert read.checked().title == "Cell"
    told = "title ends before “#5 of # many”, because # begins a comment; put it in quotes if that belongs to it"
    assert [str(hint).partition(":2: ")[2] for hint in read.hints] == [told]


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_what_is_no_plain_file_is_refused_at_once(write: Write, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(f"---\ntitle: x\nimages: [{{file: {kind}.png}}]\n---")
    monkeypatch.chdir(path.parent)  # the name of a socket is short
    for name in (f"{kind}.png", f"{kind}.md"):
        match kind:
            case "pipe":
                os.mkfifo(name)
            case "socket":
                with socket.socket(socket.AF_UNIX) as listener:
                    listener.bind(name)
            case "device":
                Path(name).symlink_to("/dev/zero")
    with pytest.raises(PostError, match=rf"{kind}\.md can't be read: it is no plain file but a {kind}"):
        read_post_file(Path(f"{kind}.md"))
    expected = "leads out of the folder" if kind == "device" else f"it is no plain file but a {kind}"
    with pytest.raises(PostError, match=expected):
        read_post_file(path)
    with pytest.raises(PostError, match=rf"{kind}\.png can't be read: it is no plain file but a {kind}"):
        pictures.store_pictures(FolderStore(path.parent / "media"), [ImageDraft(file=Path(f"{kind}.png"))])


def test_the_example_in_the_readme_is_read_with_its_translation(write: Write) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    example = readme.partition("### A post file")[2].partition("```markdown\n")[2].partition("```")[0]
    path = write(example)
    (path.parent / "vessels.tif").write_bytes(b"vessels")
    draft = read_post_file(path)
    assert draft.body.startswith("Vessels of the lymph system")
    translation = draft.translations["ca"]
    assert translation.title == "Rius sota la pell"
    assert translation.body.strip().startswith("Els vasos del sistema")
    assert len(translation.alt_texts) == len(draft.images) == 1
