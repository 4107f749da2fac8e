"""Lists what the desk can't do now: regular jobs that fail, and what publishing needs and does not have."""

from __future__ import annotations

from publisher.core.messages import _, plural_template
from publisher.core.problems import ProblemCode
from publisher.core.remedies import Remedy


class JobProblem(ProblemCode):
    """Names why a regular job fails. `what`: what that means, as a clause."""

    JOB_MISTAKE = _("{what}, since {since:moment}: {reason:sentence} Mend that; it then goes on by itself.")
    JOB_OUTAGE = _("{what}, since {since:moment}: {reason:sentence} It is tried again until it works.")
    JOB_OUTAGE_UNEXPLAINED = _("{what}, since {since:moment}. It is tried again until it works.")
    JOB_FAULT = _(
        "{what}, since {since:moment}: the program has a fault there. The log of publisher run says where; report it."
    )


class ReadinessProblem(ProblemCode):
    """Names what publishing needs and does not have."""

    DATABASE_DOWN = _("The database can't be used: {reason:clause}; check that its server or its file is well.")
    DATABASE_UNUSABLE = _("{reason:sentence}")
    NOT_KNOWN = _("Not known, because the database does not answer.")
    CLOCKS_DIFFER = _("{report}")
    NO_CAPTIONS = _("No captions can be made: {reason:sentence}")
    CAPTION_UNUSABLE = _("{reason}")
    NO_SCHEDULER = _("No scheduler has run lately."), Remedy.START_DESK
    SCHEDULER_STOPPED = _("The last heartbeat was {seconds} s ago."), Remedy.START_DESK
    WORK_OVERDUE = plural_template(
        "Work waits for up to {count} minute on {channels:list}; see the worker's log.",
        "Work waits for up to {count} minutes on {channels:list}; see the worker's log.",
    )
    HISTORY_UNUSABLE = _(
        "{path} can't be read and written, and nothing is published until it can; mend its permissions."
    )
    FOLDER_READ_ONLY = _("{path} can't be written to; mend its permissions or its disk.")
    DISK_FULL = _("{gigabytes:number} GB are free in {path}; make room.")
