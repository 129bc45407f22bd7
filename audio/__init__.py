"""Speech: from what a control room writes to a sound file that Asterisk plays.

The story, in the order of the modules::

    text -> normalise (what a voice can read) -> engines (a voice reads it) -> level (telephone band and loudness)
         -> render (jingle, who is calling, message, pauses) -> encode (A-law) -> store (found again by content)

``catalogue`` holds the fixed prompts in five languages. Everything here is plain and synchronous: whoever has a
reactor runs it in a thread. Every engine works under a deadline. Start reading at ``render.py``.
"""
