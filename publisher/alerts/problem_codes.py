"""Lists what alerts say: their headlines, what is wrong, and how it ended."""

from __future__ import annotations

from publisher.core.messages import _, plural_template
from publisher.core.problems import ProblemCode
from publisher.core.remedies import Remedy


class AlertHeadline(ProblemCode):
    """Names what is wrong in a few words."""

    DELIVERY_HELD = _("{place}: “{title}” is held")
    DELIVERY_FAILED = _("{place}: “{title}” failed")
    DELIVERY_MISSED = _("{place}: “{title}” was missed")
    PUBLIC_TWICE = _("{place}: “{title}” is public twice")
    CANCELED_AND_PUBLIC = _("{place}: “{title}” was canceled and is public")
    SHOWN_DIFFERENTLY = _("{place}: “{title}” is not shown as it was sent")
    CORRECTION_FAILED = _("{place}: “{title}” could not be corrected")
    DRAFT_LEFT = _("{channel}: an unused draft is left")
    POST_LATE = _("{channel}: the post of {day:weekday} is not out")
    POSTS_LATE = _("{channels:list}: the post of {day:weekday} is not out")
    CHANNEL_PAUSED = _("{channel}: the channel is paused")
    PLATFORM_SILENT = _("{channel}: the platform gives no answers")
    BUDGET_NEARLY_SPENT = _("{channel}: the month's budget is nearly spent")
    DAY_UNKNOWN = _("Nobody knows what was shown on {day:weekday}")
    DAY_WITHOUT_POST = _("{day:weekday} went by without a post")
    TODAY_EMPTY = _("Today has no post")
    POSTS_TO_APPROVE_AGAIN = _("After the restore, posts wait to be approved again")
    NO_DAY_COVERED = _("The queue runs dry: no day ahead has a post")
    FEW_DAYS_COVERED = plural_template(
        "The queue runs dry: only one day has a post", "The queue runs dry: only {count} days have a post"
    )
    TOMORROW_SAFE = _("{day:weekday} is safe")
    TOMORROW_NOT_SAFE = plural_template(
        "{day:weekday} is not safe: one thing to mend", "{day:weekday} is not safe: {count} things to mend"
    )
    JOB_FAILS = _("{job}")
    CAPTIONS_BROKEN = _("{channel}: its captions can't be made")
    PEOPLE_UNREADABLE = _("The directory of people can't be read")
    CLOCK_DIFFERS = _("This machine's clock may be wrong")
    CLOCK_PUT_FORWARD = _("This machine's clock was put forward")
    CLOCK_PUT_BACK = _("This machine's clock was put back")
    HOUR_CHANGED = _("{channel}: its hour was changed after today's pick")
    CHANNEL_ADDED = _("{channel}: it was added after today's pick")
    CHANNEL_REMOVED = _("{channel}: it was removed, and a post waits for it")
    PASSWORD_KNOWN = _("Somebody may know the password of {person}")


class AlertProblem(ProblemCode):
    """Names what is wrong, and what it means."""

    NO_REASON = _("No reason was recorded.")
    TWO_COPIES = _("{first} and {second}; remove one by hand.")
    NOT_OUT = _("It should have been by {deadline:moment}. {state}"), Remedy.SHOW_DELIVERY
    NOT_OUT_FOR_A_REASON = (
        _("It should have been by {deadline:moment}. {state} {reason:sentence}"),
        Remedy.SHOW_DELIVERY,
    )
    PICK_FAILS = _("It should have been by {deadline:moment}. {reason}"), Remedy.RUN_DOCTOR
    NOT_PICKED = (
        _("It should have been by {deadline:moment}. Nobody has picked a post for the day, although a scheduler runs."),
        Remedy.RUN_DOCTOR,
    )
    FIRST_DAY_WAITS = _(
        "It should have been by {deadline:moment}. This desk has published nothing yet and was started after the "
        "day's hour, so it begins tomorrow. To publish today nevertheless: publisher run --publish-today"
    )
    NO_SCHEDULER = (
        _("It should have been by {deadline:moment}. Nobody has picked a post for the day: no scheduler runs."),
        Remedy.START_DESK,
    )
    BUDGET_NEARLY_SPENT_UNTIL = (
        _("It has spent {spending}. Posts that cost more than what is left are held until {ends:day}."),
        Remedy.RAISE_BUDGET,
    )
    SHOWN_BEFORE_RESTORE = (
        _(
            "The desk was restored from a backup from before that day, and nothing more goes out for it. Look at the "
            "channels, and publish by hand what is missing."
        ),
        Remedy.LIST_DELIVERIES,
    )
    CORRECTION_GIVEN_UP = (
        _("Followers still see the former text. {reason:sentence} Correct the post again, or mend it on the platform."),
        Remedy.SHOW_DELIVERY,
    )
    NEVER_PICKED = (
        _("No post was picked in time; find out why the desk was not running."),
        Remedy.LIST_DELIVERIES,
    )
    EMPTY_AND_TOO_LATE = (
        _("After {closes:clock} it is too late for today's post, so today stays without one."),
        Remedy.SHOW_QUEUE,
    )
    EMPTY = _("Add or approve one before {closes:clock}, and it goes out at once."), Remedy.SHOW_QUEUE
    EMPTY_WITHOUT_ALT_TEXTS = (
        plural_template(
            "Add or approve one before {closes:clock}, and it goes out at once. A post of the reserve is left out for "
            "a picture without an alt text: write it, and approve the post.",
            "Add or approve one before {closes:clock}, and it goes out at once. {count} posts of the reserve are left "
            "out for pictures without an alt text: write them, and approve the posts.",
        ),
        Remedy.WRITE_ALT_TEXTS,
    )
    MAY_HAVE_BEEN_SHOWN = (
        _(
            "They may have been shown on days after the backup, so none of them goes out by itself. Look at the "
            "channels, approve those that were not shown, and withdraw the others: {posts:list}."
        ),
        Remedy.SHOW_QUEUE,
    )
    MANY_MAY_HAVE_BEEN_SHOWN = (
        _(
            "They may have been shown on days after the backup, so none of them goes out by itself. Look at the "
            "channels, approve those that were not shown, and withdraw the others: {posts:list} and {more} more."
        ),
        Remedy.SHOW_QUEUE,
    )
    FIRST_EMPTY_DAY = _("The first empty day is {day:weekday}; add and approve posts."), Remedy.SHOW_QUEUE
    FIRST_EMPTY_DAY_WITHOUT_ALT_TEXTS = (
        plural_template(
            "The first empty day is {day:weekday}; add and approve posts. A post of the reserve is left out for a "
            "picture without an alt text: write it, and approve the post.",
            "The first empty day is {day:weekday}; add and approve posts. {count} posts of the reserve are left out "
            "for pictures without an alt text: write them, and approve the posts.",
        ),
        Remedy.WRITE_ALT_TEXTS,
    )
    GOES_OUT = _("“{title}” goes out on {channels:list}.")
    LINES_TO_MEND = _("{lines:lines}"), Remedy.EXAMINE_DAY
    CAPTION_BROKEN = _("{reason:sentence} Its posts are held until you mend it."), Remedy.RUN_DOCTOR
    PEOPLE_UNREADABLE_HOLD = (
        _("{reason:sentence} Posts that mention somebody are held until you mend it."),
        Remedy.RUN_DOCTOR,
    )
    CLOCK_MAY_BE_WRONG = _("{report} Posts go out by this machine's clock."), Remedy.RUN_DOCTOR
    CLOCK_WENT_FORWARD = (
        _("It was put forward by {length} at {at:moment}. Posts go out by this clock; check that it is right now."),
        Remedy.RUN_DOCTOR,
    )
    CLOCK_WENT_BACK = (
        _("It was put back by {length} at {at:moment}. Posts go out by this clock; check that it is right now."),
        Remedy.RUN_DOCTOR,
    )
    HOUR_FROM_TOMORROW = (
        _("Today's post is still due at {today:moment}. From tomorrow on, posts go out at {from_tomorrow:clock}."),
        Remedy.LIST_DELIVERIES,
    )
    FIRST_POST_TOMORROW = _("It gets no post today. Its first one is tomorrow's."), Remedy.LIST_DELIVERIES
    CHANNEL_GONE = (
        _(
            "Today's post can't go out there any more, and nothing else will. Write the channel into the configuration "
            "again, or cancel the delivery."
        ),
        Remedy.LIST_DELIVERIES,
    )
    WRONG_CODES = (
        plural_template(
            "A wrong code came after the right password of {person}, from {address} at {at:moment}. Ask whether that "
            "was them. If not, somebody else knows the password, and they have to change it.",
            "{count} wrong codes came after the right password of {person}, the last from {address} at {at:moment}. "
            "Ask whether that was them. If not, somebody else knows the password, and they have to change it.",
        ),
        Remedy.DEACTIVATE_PERSON,
    )


class AlertEnding(ProblemCode):
    """Names how something ended that people got an alert for."""

    PUBLISHED = _("Published at {at:moment}: {url}")
    PUBLISHED_WITHOUT_LINK = _("Published at {at:moment}")
    CORRECTED = _("Followers see the corrected text now.")
    CANCELED = _("It was canceled.")
    CHANNEL_RESUMED = _("The channel publishes again.")
    PLATFORM_ANSWERS = _("The platform answers again.")
    DAY_FILLED = _("“{title}” fills it.")
    ALL_DECIDED = _("Somebody has decided about all of them.")
    DAYS_COVERED = plural_template(
        "More than {count} day has a post again.", "More than {count} days have a post again."
    )
    JOB_WORKS = _("It works again.")
    CAPTIONS_MENDED = _("It is mended. Deliveries that it held wait for a retry."), Remedy.LIST_HELD_DELIVERIES
    CLOCK_AGREES = _("This machine's clock agrees with the platforms'.")


class AlertSendProblem(ProblemCode):
    """Names why an alert was not sent to each of its addresses."""

    NOT_SENT = _("{failures:clauses}")


class LinkProblem(ProblemCode):
    """Names why a link of a post does not work, each as a clause."""

    LINK_REDIRECTS_TOO_OFTEN = _("it redirects more than {maximum} times")
    LINK_REFUSED = _("it answers {status}")
    LINK_ADDRESS_REFUSED = _("{reason:clause}")
    LINK_UNTRUSTED = _("its certificate can't be trusted")
    LINK_UNREACHABLE = _("it can't be reached")
    LINK_TOO_SLOW = _("it does not answer within {seconds} s")


class PreflightProblem(ProblemCode):
    """Names what would keep a day's post from going out."""

    DAY_OVER = _("{day:day} is over; examine today or a later day")
    DAY_HAS_NO_POST = _("no post is ready for the day; add and approve one"), Remedy.SHOW_QUEUE
    DAY_HAS_NO_POST_WITHOUT_ALT_TEXTS = (
        plural_template(
            "no post is ready for the day; add and approve one. A post of the reserve is left out for a picture "
            "without an alt text: write it, and approve the post.",
            "no post is ready for the day; add and approve one. {count} posts of the reserve are left out for pictures "
            "without an alt text: write them, and approve the posts.",
        ),
        Remedy.WRITE_ALT_TEXTS,
    )
    DAY_WAS_MISSED = _("the day was missed; add and approve a post"), Remedy.SHOW_QUEUE
    CHANNEL_IS_PAUSED = _("is paused: {reason:clause}"), Remedy.RESUME_CHANNEL
    CREDENTIALS_UNUSABLE = _("{reason}")
    LOGIN_ENDS_BEFORE = _("the log-in ends {ends:moment}, before the post"), Remedy.CONNECT_CHANNEL
    ALT_TEXT_MISSING = _("missing for picture {pictures:list}; write it")
    OVER_BUDGET = _("costs about {cost}; this month's spending is {spending}"), Remedy.RAISE_BUDGET
    NOTHING_RUNS = _("nothing publishes: neither a scheduler nor a worker runs"), Remedy.START_DESK
    ROLE_DOES_NOT_RUN = _("nothing publishes: no {role} runs"), Remedy.START_DESK
    HOUR_WAS_CHANGED = _(
        "goes out at {at:moment}, not at {due_at:moment}: the hour or the time zone was changed, and the post before "
        "would be too close"
    )
    NOBODY_TOLD = _("nobody is told when something needs a person: set {variable}")
    ALERTS_UNUSABLE = _("can't be sent: {reason:clause}")
    NO_BACKUP = _("there is none: let publisher run make one a day, or run publisher backup")
    BACKUP_OLD = _("the newest is of {made:moment}: let publisher run make one a day, or run publisher backup")
    LINK_BROKEN = _("{url}: {reason}")
    CHECK_FAILED = _("the check failed, because the program has a fault; the log says where")
    LINK_CHECK_FAILED = _("{url}: the check failed, because the program has a fault; the log says where")
