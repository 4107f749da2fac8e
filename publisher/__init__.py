"""Publishes one picture a day on the channels of an outlet.

Packages, in the order of a post's way (docs/tour.md walks it file by file)::

    core/           what every stage stands on: clock, content, states, problems, errors, logs, encryption
    settings/       the configuration, and what is wrong with it
    media/          originals and renditions, stored by hash: in a folder, or in a bucket
    platforms/      what a platform promises; each platform in a folder of its own
    adapt/          post + profile + template -> the exact text and pictures of a channel
    db/             tables, sessions, migrations
    lifecycle       the states of a delivery: the only place that changes one
    posts/          drafts, versions, review, pictures, undo
    schedule/       approval, order, picking the day's post, rehearsal, calendar
    intake/         import of files
    delivery/       claim, prepare, send, record, look up, read back
    staff/          people, roles, log-ins, tokens
    desk            everything that works on one outlet
    scheduler       wakes the stages; holds no posts
    backup/         backups and their way back; copies from one database to another
    health/         heartbeats, readiness, metrics
    webhooks/       signed messages to other programs
    alerts/         messages to people, each sent once; examination of tomorrow's post
    proving/        `publisher prove`: faults, kills and clock jumps on the sandbox
    cli/, web/      the command line; the desk in a browser and the API
    sandbox/        local platforms on the real wire protocols
    starter/        what a new desk begins with
    samples/        pictures and texts of the demo
"""

__version__ = "0.1.0"
