"""Burgernet gateway: from a control room's press to a citizen's phone, and back.

The story, in the order of the modules::

    out:  alert in -> select participants -> plan per lane -> SMS lane / voice lane -> outcomes -> report
    in:   call in  -> identify caller -> route to action -> operator -> record response   (an SMS reply likewise)

``domain`` holds the words and rules, ``ports`` what the rules need from the world, ``flows`` one use case each.
``smpp`` speaks SMPP 3.4 without I/O; ``carriers`` gives it sockets, windows and rates. ``storage`` is the ledger,
``web`` the HTTP API, ``rehearsal`` the simulated carriers, ``voice`` (with ``ivr`` and ``audio`` beside us) the
telephone. ``wiring`` composes them, ``cli`` starts them. Start reading at ``flows/alert.py``.
"""

__version__ = "0.1.0"
