"""Speech: engines, prompts and rendering to the sound files that Asterisk plays."""
