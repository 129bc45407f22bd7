"""A renderer makes speech of what is written: ``speech.to_speech`` turns "13.45 uur" into "kwart voor twee".

``speech`` runs the rules in order; ``characters`` decides what a voice can read; ``numbers``, ``clock``, ``phones``
and ``plates`` say one kind of thing in every language; ``lexicon`` (and ``dutch``, ``others``) hold the words.
"""
