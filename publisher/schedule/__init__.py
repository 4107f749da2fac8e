"""Decides which post goes out on which day.

slots             local days and their instants
fixed_dates       what stands in the way of a fixed date
approval          what stands in the way of a post, and its approval
post_queue        what one person changes: add, edit, approve, move, withdraw
order             the place of a post in the queue, in the reserve or on a fixed date
bulk              several posts changed at once
choice            which post fills a slot
picking           the pick and its deliveries, written at slot time
projection        which day each waiting post would get
rehearsal         the coming days, played through on a copy
rendering_ahead   the pictures of the next post, rendered before its slot
listing           the waiting posts as people see them
late_changes      changes that came after the pick
changed_channels  channels whose configuration changed after today's pick
calendar_days     the days of a month: past deliveries, coming picks
calendar_feed     the same for calendar programs
restore_gap       the days that a restored desk knows nothing of
"""
