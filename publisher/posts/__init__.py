"""The queue: what staff write, its order, its approval, and which post goes out on which day::

intake      a post file -> a draft
drafts      what a person hands in
pictures    originals checked and stored, duplicates found
storing     loading a post, and changing it without overwriting a colleague
posts       add, edit and withdraw a post
order       its place in the queue, in the reserve or on a fixed date
schedule    what stands in the way of a fixed date
targets     the channels of the configuration, ready to adapt for
channels    a post -> what each channel will get
preview     the same with its pictures made
approval    what stands in a post's way, and letting it out
slots       local days and their instants
choosing    which post fills a slot
picking     the pick and its deliveries, written at slot time
projection  which day each waiting post would get
known       what is wrong with posts, remembered
listing     what people are shown of the queue
days        what they are shown of a month: past deliveries, coming picks
feed        the same for calendar programs
search      finding posts by what they say
bulk        several posts changed at once
undo        the way back, while nobody changed them since
rehearsal   the coming days, played through on a copy
errors      what goes wrong, in sentences
"""
