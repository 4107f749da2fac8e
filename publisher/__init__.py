"""The publishing desk of an outlet that shows one picture a day.

A post's way through the house, stage by stage::

    settings, mistakes     the configuration, and what to say when it is wrong
    sealing                secrets that lie in the database
    clock, logs, trouble   the only reading of the time; logs without secrets; trouble told once
    name_resolving         addresses of host names, within a time
    outside                the way to addresses that somebody wrote down, never to machines of our own
    content, profiles      what travels between stages; a platform's limits as data
    media/                 originals and renditions, stored by hash: in a folder, or in a bucket
    adapt/                 post + profile + template -> the exact caption and images of a channel
    platforms/             one adapter and one profile per platform
    db/                    tables, sessions, migrations
    states, lifecycle      the states of a delivery; the only place that changes one
    staff/                 people, roles, log-ins
    post_queue/            posts, order, approval, picking the day's post
    delivery/              claim, publish, settle what is unknown, records
    desk                   everything that works on one outlet, made when it is first asked for
    scheduler              wakes the stages; holds no posts
    health/                who lives, what is wrong, what is measured: for people and for Prometheus
    keeping/               backups, daily or whole, and their way back
    webhooks/              other programs are told what happens
    alerts/                sends people an alert once when something needs them; examines tomorrow's post
    proving/               faults, kills and clock jumps against the sandbox, and what came of them
    cli/                   the command line
    web/                   the pages
    sandbox/               local platforms that speak the real wire protocols
    sandbox_client         starts them, and talks to their control port
    starter/               what a new desk begins with
    samples/               pictures and texts of a demo outlet, drawn and written here
"""

__version__ = "0.1.0"
