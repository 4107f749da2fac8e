"""The promise put to the proof: days of publishing on the sandbox with faults, kills and clock jumps.

A proof draws its troubles from a seed, lets real worker and scheduler processes publish into a
database of its own, and then compares what the platforms hold with what the database says.
A rehearsal is the small sister of it: one channel's next post on a sandbox of its own.
"""
