"""Lists what can be wrong with a post on a channel, and what adapting and rendering do that staff should see."""

from __future__ import annotations

from publisher.core.messages import _, plural_template
from publisher.core.problems import ProblemCode


class AdaptProblem(ProblemCode):
    """Names what is wrong with the texts of a post on a channel."""

    NO_TRANSLATION = _(
        "There is no {language:language} translation; add one, or let the channel show the {original:language} text."
    )
    NO_TRANSLATION_POST_SKIPPED = _("There is no {language:language} translation, so this channel skips the post.")
    NO_TRANSLATION_ORIGINAL_SHOWN = _(
        "There is no {language:language} translation, so this channel shows the {original:language} text."
    )
    NO_TITLE = _("The post has no title; write one.")
    NO_CREDIT = _("The post has no credit; say who made the picture.")
    NO_LICENCE = _("The post names no licence; add it, or make sure that its owner agreed.")
    LINK_IS_NO_ADDRESS = _("The link is no web address; write it with https://.")
    FIELD_TOO_LONG = _("The field “{name}” has more than {limit:number} characters; shorten it.")
    CAPTION_EMPTY = _("The caption for {platform} is empty; write the post's text.")
    TEXT_TOO_LONG = _(
        "The caption is {over} too long for {platform} (limit {limit} {unit_name}) with everything left out that may "
        "be; shorten it."
    )
    TEXT_TOO_LONG_IN_BYTES = _(
        "The caption is {over} too long for {platform} (limit {limit} bytes) with everything left out that may be; "
        "shorten it."
    )
    TEXT_TOO_LONG_WITH_EMOJI = _(
        "The caption is {over} too long for {platform} (limit {limit} {unit_name}, {reserve} of them kept free for "
        "emoji) with everything left out that may be; shorten it."
    )
    HANDWRITTEN_TEXT_TOO_LONG = _(
        "The caption is {over} too long for {platform} (limit {limit} {unit_name}) and written by hand, so it is never "
        "shortened; shorten it."
    )
    HANDWRITTEN_TEXT_TOO_LONG_IN_BYTES = _(
        "The caption is {over} too long for {platform} (limit {limit} bytes) and written by hand, so it is never "
        "shortened; shorten it."
    )
    HANDWRITTEN_TEXT_TOO_LONG_WITH_EMOJI = _(
        "The caption is {over} too long for {platform} (limit {limit} {unit_name}, {reserve} of them kept free for "
        "emoji) and written by hand, so it is never shortened; shorten it."
    )
    TEMPLATE_UNUSABLE = _("{why:sentence}")
    TEMPLATE_WITHOUT_CREDIT = _("The template {template} leaves out the credit; add {{{{ credit }}}} to it.")
    CREDIT_INCOMPLETE = _("The caption written by hand does not hold the whole credit; check whom it names.")
    CREDIT_NAMES_NOBODY = _("The caption written by hand names nobody from the credit; add the credit.")
    TOO_MANY_HASHTAGS = plural_template(
        "The caption has {count} hashtag and {platform} takes {maximum}; remove it.",
        "The caption has {count} hashtags and {platform} takes {maximum}; remove some.",
    )
    TOO_MANY_MENTIONS = plural_template(
        "The caption mentions {count} account and {platform} takes {maximum}; remove it.",
        "The caption mentions {count} accounts and {platform} takes {maximum}; remove some.",
    )
    NAME_TAGS_ACCOUNT = _(
        "The caption names {name}, which tags the account of that name on {platform}, whoever it is; write @[Jane Doe] "
        "for somebody in your list of people, or leave out the @."
    )
    TAGS_LEFT_OUT = plural_template(
        "{platform} takes {maximum} tags of up to {length} characters, so {count} of the tags is left out.",
        "{platform} takes {maximum} tags of up to {length} characters, so {count} of the tags are left out.",
    )
    LINK_COSTS_MORE = _(
        "The caption holds a link ({link}), so {platform} charges {price:dollars} instead of {usual_price:dollars}."
    )
    LINK_LEFT_OUT = _(
        "The body does not fit whole, and what is shown of it ends before its first link ({link}): with a link, "
        "{platform} charges {price:dollars} instead of {usual_price:dollars}. To show it, write a caption for "
        "this channel."
    )
    LINK_CANNOT_BE_FOLLOWED = _("The caption holds a link ({link}), which can't be followed on {platform}.")
    SAYS_LITTLE = _(
        "On {platform}, followers read little more than title and credit; write a shorter standfirst, or a caption for "
        "this channel."
    )
    SAYS_LITTLE_BY_TEMPLATE = _(
        "On {platform}, followers read little more than title and credit, since the template {template} shows neither "
        "standfirst nor body; add {{{{ body | fill }}}} to it."
    )
    LINK_WITHOUT_ADDRESS = _(
        "{platform} can't link words, so “{words}” goes out there without its address: write the address itself, say "
        "where it is found (such as “link in bio”), or word it without."
    )
    LINK_LEADS_NOWHERE = _(
        "In “{name}”, line {line}: “{words}” has the address “{address}”, which leads to no web page, so followers get "
        "the words without it; write the whole address, such as https://example.org/page."
    )
    LINK_IS_EMPTY = _(
        "In “{name}”, line {line}: “{words}” is written as a link without an address, so followers get only the words; "
        "write its address, such as https://example.org/page, or write the words without brackets."
    )
    MARKUP_PICTURE = _(
        "In “{name}”, line {line}: “{markup}” is a picture, which followers don't get there; remove it, and add the "
        "picture to the pictures of the post."
    )
    MARKUP_EMBEDDED = _(
        "In “{name}”, line {line}: “{markup}” is for web pages and can't be shown to followers; remove it, or write a "
        "link instead."
    )
    MARKUP_NOT_CLOSED = _(
        "In “{name}”, line {line}: “{markup}” has no other half, so what it means is unclear; remove it, or write a "
        "backslash before it where you mean the sign “<”."
    )
    MARKUP_REFERENCE_MISSING = _(
        "In “{name}”, line {line}: “{markup}” refers to a note or an address that is not there; add it, or write the "
        "address as a link."
    )
    MARKUP_TABLE = _(
        "In “{name}”, line {line}: the table “{markup}” goes out as lines, with dots between its cells; check how it "
        "reads."
    )
    MARKUP_NOT_RAISED = _(
        "In “{name}”, line {line}: no raised or lowered characters exist for “{markup}”, so it goes out with ^ or _ "
        "before it; check how it reads."
    )
    MARKUP_TYPED = _(
        "In “{name}”, line {line}: a caption for {platform} alone goes out as it is typed, so followers read the signs "
        "of its markup; remove them."
    )
    PLACE_IN_SPLIT_PICTURE = _(
        "The caption says “{phrase}”, but each part of the picture is shown on a slide of its own; name the parts by "
        "what they show."
    )
    NO_ALT_TEXT = _("Picture {picture} has no alt text; describe in a sentence or two what it shows.")
    ALT_TEXT_IS_FILE_NAME = _("The alt text of picture {picture} is a file name; describe what the picture shows.")
    ALT_TEXT_SHORTENED = plural_template(
        "The alt text of picture {picture} is {count} character too long for {platform} and ends earlier there; "
        "shorten it to {limit}.",
        "The alt text of picture {picture} is {count} characters too long for {platform} and ends earlier there; "
        "shorten it to {limit}.",
    )
    ALT_TEXT_DOES_NOT_FIT = _(
        "The alt text of picture {picture} does not fit {platform} and can't be shortened; write it anew."
    )
    ALT_TEXT_NEEDLESS_WORDS = _(
        "The alt text of picture {picture} begins with “{words}”, which screen readers say anyway; leave it out."
    )
    ALT_TEXT_REPEATS_TITLE = _("The alt text of picture {picture} repeats the title; describe what the picture shows.")


class ShowingProblem(ProblemCode):
    """Names what is wrong with the way in which a channel shows the pictures of a post."""

    TOO_FEW_PICTURES = plural_template(
        "This channel needs at least {count} picture: add one.",
        "This channel needs at least {count} pictures: add some.",
    )
    TOO_MANY_PICTURES = plural_template(
        "This channel takes {count} picture and would get {shown}: it shows the first one, so put what matters most in "
        "front.",
        "This channel takes {count} pictures and would get {shown}: it shows the first ones, so put what matters most "
        "in front.",
    )
    TOO_MANY_PANELS = plural_template(
        "This channel takes {count} picture and would get {shown}, panels included: it shows the first one, so put "
        "what matters most in front.",
        "This channel takes {count} pictures and would get {shown}, panels included: it shows the first ones, so put "
        "what matters most in front.",
    )
    CREDIT_STRIP_EMPTY = _("The strip below the picture has no credit to show: write one or leave the strip out.")
    PADDING_UNKNOWN = _("The padding colour “{padding}” is unknown: write it like #f0f0f0, or choose edge or blur.")
    ANIMATION_NOT_TAKEN = _("This channel shows no animations: its first frame is shown, still.")
    ANIMATION_NOT_ALONE = _(
        "This channel takes an animation only without other pictures: its first frame is shown, still."
    )
    ANIMATION_TOO_LONG = _(
        "This channel takes at most {maximum} frames and the animation has {frames}: its first frame is shown, still."
    )
    ANIMATION_SHAPE = _("The animation's shape does not fit here: its first frame is shown, still.")
    TOO_WIDE = _("The picture is too wide for this channel as it is: choose padding or cropping.")
    TOO_TALL = _("The picture is too tall for this channel as it is: choose padding or cropping.")
    PROTECTED_PART_CROPPED = _("Cropping would cut off a protected part: move the crop or choose padding.")
    PROTECTED_PART_SPLIT = _("Splitting would cut through a protected part: move the cuts or choose padding.")
    SEEN_SMALL = _(
        "On {platform} picture {picture} is seen {width:number} × {height:number} pixels large; crop it, split it, or "
        "take one of another shape or with more pixels."
    )
    NOT_SPLIT_ALONE = _("This channel takes a single picture: it is shown whole, not split.")
    NOT_SPLIT_WITHOUT_GAPS = _("The picture has no gaps to split it at: it is shown whole.")
    SPLIT_INTO_TILES = _("No gaps between panels were found: it is cut into {tiles} tiles that overlap a little.")


class PictureProblem(ProblemCode):
    """Names why a file can't be used as a picture, or a picture not be rendered."""

    DAMAGED = _("The picture is damaged or incomplete: download or export it again.")
    UNREADABLE = _(
        "The picture is damaged or stored in a way that can't be read: export it again, as a JPEG or as an 8-bit RGB "
        "PNG."
    )
    STORAGE_UNSUPPORTED = _(
        "The picture is {kind}, which can't be read here: export it again, as a JPEG or as an RGB PNG of 8 or 16 bits."
    )
    TOO_MUCH_MEMORY = _("The picture needs more memory than one picture may take: export a smaller copy.")
    ORIGINAL_UNUSABLE = _("{why}")
    TOO_MUCH_TIME = _("The picture takes too long to decode: export a smaller or simpler copy.")
    TOO_MUCH_TIME_OR_MEMORY = _(
        "The picture takes too much time or memory to decode: export a smaller or simpler copy."
    )
    ONLY_OPENED_WHOLE = _(
        "The picture is {width} × {height} pixels as {format}, which can only be opened whole, in more than 1 GB of "
        "memory: export it as a TIFF or a baseline JPEG, or smaller."
    )
    TOO_MANY_PIXELS = _(
        "The picture is {width} × {height} pixels, more than {megapixels} megapixels: export a smaller copy."
    )
    TOO_SMALL = _("The picture is {width} × {height} pixels: each side must have at least {minimum}.")
    TOO_NARROW = _(
        "The picture is {width} × {height} pixels: a side may be at most {maximum} times the other, so crop it first."
    )
    PART_TOO_SMALL = _("The part to show is {width} × {height} pixels: choose a larger part of the picture.")
    ANIMATION_TOO_LARGE = _(
        "The animation has {frames} frames of {width} × {height} pixels, more than can be handled: export it smaller "
        "or shorter."
    )
    ANIMATION_TOO_MANY_BYTES = _("The animation can't be brought under {bytes} bytes: export it shorter or smaller.")
    """Of an older version of the program."""
    ANIMATION_TOO_LARGE_FOR_CHANNEL = _(
        "The animation has {frames} frames and about {size:number} bytes even at {width} × {height} pixels, and may "
        "have {maximum:number} here: export it with fewer frames, with fewer colours or with less noise."
    )
    TOO_MANY_BYTES = _("The picture can't be brought under {bytes} bytes: choose a simpler or smaller one.")
    VALUES_UNSUPPORTED = _(
        "The picture stores its values as {format}: set its display range and export it as 8- or 16-bit RGB."
    )
    CHANNELS_UNSUPPORTED = _(
        "The picture has {channels} channels that are not plain grey, RGB or CMYK: merge them into an RGB picture and "
        "export it as 8- or 16-bit."
    )
    CHANNELS_DIFFER = _(
        "The colour channels of the file differ in size or kind: merge them into an RGB picture and export it as 8- or "
        "16-bit."
    )
    NO_COLOUR_CHANNEL = _("All colour channels of the picture are left out: show at least one.")
    NO_FONT = _("The credit can't be written below the picture: install a font on this machine or leave the strip out.")
    FILE_EMPTY = _("The file is empty: download or export it again.")
    FILE_OF_OTHER_KIND = _("The file is {kind}, not a picture: export it as {formats}.")
    FILE_IS_VIDEO = _("The file is a video or another media file, not a picture: export it as {formats}.")
    FILE_IS_DRAWING = _("The file is an SVG drawing, which may draw differently elsewhere: export it as {formats}.")
    FILE_IS_WEB_PAGE = _("The file is a web page or XML, not a picture: download the picture itself, as {formats}.")
    FILE_UNKNOWN = _("The file is not a picture that the desk can read: export it as {formats}.")


class PictureWarning(ProblemCode):
    """Names what staff should know about a picture before they use it."""

    COLOURS_GUESSED = _("CMYK without a usable colour profile: the colours are a guess, so check them.")
    PROFILE_UNUSABLE = _("The colour profile in the file is unusable, so its colours are read as sRGB.")
    DARK_VALUES = _(
        "The 16-bit values use only {low} to {high} of 65535: without the percentile window it looks dark; check the "
        "result."
    )
    FEW_PIXELS = _("Only {width} × {height} pixels: it is never enlarged, so it will look small.")
    NEARLY_BLACK = _("It is nearly black: check that it is the right file, and that followers can see what it shows.")
    NEARLY_WHITE = _("It is nearly white: check that it is the right file, and that followers can see what it shows.")
    NEARLY_EVEN = _(
        "It is one colour nearly all over: check that it is the right file, and that something can be seen."
    )
    DATA_MAY_BE_DAMAGED = _(
        "The file's data do not end where its picture ends, as if a part were lost: look at the whole picture. Where "
        "it is shifted, striped or false in colour, get the file anew."
    )
    FIRST_FRAME_OF_PNG = _(
        "The file is an animated PNG, of which only the first frame is used: for a moving picture, export it as a GIF."
    )
    FIRST_PAGE_USED = plural_template(
        "The file has {count} page: only the first is shown.", "The file has {count} pages: only the first is shown."
    )
    FIRST_PLANE_USED = _(
        "The file is a stack of planes: {planes:number} in depth, {times:number} in time. Only the first plane of the "
        "first time is shown; export a projection or another plane to show that."
    )
    TRANSPARENT = _("Transparent areas stand on white.")
    VALUES_NOT_FINITE = plural_template(
        "{count:number} of its values is no finite number: it counts for no range, and is shown as black.",
        "{count:number} of its values are no finite numbers: they count for no range, and are shown as black.",
    )
    NOWHERE_OPAQUE = _(
        "No part of the picture is opaque, so it goes out pale or white, on white: export it without transparency."
    )
    UNDECLARED_CHANNEL_LEFT_OUT = _(
        "The file has one more channel, which it does not call transparency: it is left out, so check the picture."
    )


class RenditionNote(ProblemCode):
    """Names what was done to a picture that staff should see beside its rendition."""

    VALUES_MAPPED = _("16-bit values from {low} to {high} are shown as black to white.")
    NUMBERS_MAPPED = _("Values from {low:number} to {high:number} are shown as black to white.")
    CHANNELS_MERGED = plural_template(
        "{count} colour channel is shown in its colour.", "{count} colour channels are merged in their colours."
    )
    PADDED_ABOVE_WITH_COLOUR = _("Padded above and below with the colour {colour}.")
    PADDED_BESIDE_WITH_COLOUR = _("Padded left and right with the colour {colour}.")
    PADDED_ABOVE_WITH_COPY = _("Padded above and below with a blurred copy of itself.")
    PADDED_BESIDE_WITH_COPY = _("Padded left and right with a blurred copy of itself.")
    PART_SHOWN = _("Shows {width} × {height} of the original's {whole_width} × {whole_height} pixels.")
    MADE_SMALLER = _("Made smaller to stay under {bytes} bytes.")
    ANIMATION_KEPT = plural_template(
        "The animation is kept, with its {count} frame.", "The animation is kept, with all its {count} frames."
    )


class LeftOutText(ProblemCode):
    """Names what shortening removed from a caption."""

    WHOLE_FIELD = _("{part}")
    SENTENCES = plural_template("{count} sentence of {part}", "{count} sentences of {part}")
    HASHTAGS = plural_template("{count} hashtag", "{count} hashtags")
    END_OF_SENTENCE = _("the end of {part}")
    END_AND_SENTENCES = plural_template(
        "the end of a sentence and {count} more sentence of {part}",
        "the end of a sentence and {count} more sentences of {part}",
    )
