"""Writes the metadata of renditions: creator, copyright, description and colour space, nothing else."""

from __future__ import annotations

from html import escape
from typing import Any

import pyvips

KEPT = "exif|xmp"
"""Savers keep these parts of an image that went through `replace_metadata`."""

_STRUCTURE = frozenset(
    ("width", "height", "bands", "format", "coding", "interpretation", "xoffset", "yoffset", "xres", "yres")
)
_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" \
xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/">
{fields}</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""
_SRGB = "1"
"""The value of EXIF's tag ColorSpace for sRGB, which all finished pixels are."""
_MAX_CHARACTERS = 3000
"""Of each text: a JPEG segment holds 64 kB, and a character may take twenty of them."""
_LANGUAGES = '<rdf:Alt><rdf:li xml:lang="x-default">{}</rdf:li></rdf:Alt>'


def replace_metadata(image: Any, *, creator: str, copyright_notice: str, description: str) -> Any:
    """Copies the image without any metadata of its source, and with these three, in XMP and EXIF, and its colour space.

    EXIF text is ASCII, so other text stands in XMP only.
    """
    creator, copyright_notice, description = map(_writable, (creator, copyright_notice, description))
    clean = image.copy()
    for name in clean.get_fields():
        if name not in _STRUCTURE:
            clean.remove(name)
    packet = _xmp(creator, copyright_notice, description)
    if packet:
        clean.set_type(pyvips.GValue.blob_type, "xmp-data", packet)
    for field, text in (("Artist", creator), ("Copyright", copyright_notice), ("ImageDescription", description)):
        if text and text.isascii():
            clean.set_type(pyvips.GValue.gstr_type, f"exif-ifd0-{field}", text)
    # Without it, libvips writes that the colours are not calibrated.
    clean.set_type(pyvips.GValue.gstr_type, "exif-ifd2-ColorSpace", _SRGB)
    return clean


def _writable(text: str) -> str:
    """Removes characters that XML does not allow, and shortens the text."""
    plain = "".join(character for character in text if character >= " " or character in "\t\n\r")
    return plain.encode(errors="replace").decode()[:_MAX_CHARACTERS]


def _xmp(creator: str, copyright_notice: str, description: str) -> bytes:
    fields = ""
    # html.escape does what XML needs; xml.sax would import half of the standard library for it.
    creator, copyright_notice, description = (
        escape(text, quote=False) for text in (creator, copyright_notice, description)
    )
    if creator:
        sequence = f"<rdf:Seq><rdf:li>{creator}</rdf:li></rdf:Seq>"
        fields += f"<dc:creator>{sequence}</dc:creator>\n<photoshop:Credit>{creator}</photoshop:Credit>\n"
    if copyright_notice:
        fields += f"<dc:rights>{_LANGUAGES.format(copyright_notice)}</dc:rights>\n"
    if description:
        fields += f"<dc:description>{_LANGUAGES.format(description)}</dc:description>\n"
    return _PACKET.format(fields=fields).encode() if fields else b""
