"""Holds what a post is: what staff write, its versions, pictures, review and problems.

desk_parts     the parts of a desk that changes of posts need
drafts         what a person hands in, checked
pictures       originals checked and stored, duplicates found
uploads        pictures on their way from a browser
post_store     loading a post, and changing it without overwriting a colleague
posts          add, edit and withdraw a post
versions       every version of a post
autosaves      what somebody typed and did not save, apart for each tab
creation       one post of a form, however often it is sent
titles         how a draft without a title is called
review         asking for review, sending back, comments
approved       the text that was approved, and what a change of it reaches
authors        who changed a post since its approval
targets        the channels of the configuration, ready to adapt for
channel_rows   the rows of the channels
channel_posts  a post -> what each channel will get
preview        the same with its pictures made
problems       what is wrong with the content of a post
problem_cache  the same, remembered
search         finding posts by what they say
undo           what takes a change back, while nobody changed the post since
possibly_shown posts that may have been shown before a restore
unsaved        a post that is only being written
errors         what goes wrong, in sentences
"""
