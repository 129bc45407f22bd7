"""``burgernet speak``: hear a message before anybody is called."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.common import FailedError, Options, command_options, example
from gateway.domain.action import DOMAINS, LANGUAGES


@click.command(
    epilog=example(
        'burgernet speak "Vermist: jongen van 5, rode jas, fiets met kenteken 12-ABC-3." -o boy.wav --place Weesp'
    )
)
@click.argument("text")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="FILE.wav", help="Where."
)
@click.option("--language", type=click.Choice(LANGUAGES), default="nl", show_default=True, help="Of the text.")
@click.option("--domain", type=click.Choice(DOMAINS), default=DOMAINS[0], show_default=True, help="Whose message.")
@click.option("--place", help="Named at the beginning.")
@command_options()
def speak(options: Options, text: str, output: Path, language: str, domain: str, place: str | None) -> None:
    """Speak a message as a call plays it: jingle, who is calling, the words; a WAV file of telephone quality."""
    from audio.errors import AudioError
    from gateway.wiring.speech import build_renderer

    try:
        renderer = build_renderer(options.settings())
        read = renderer.preview(text, language)
        made = renderer.message(text, language, domain, place=place)
        sound = renderer.wav(made.key)
    except AudioError as error:
        raise FailedError(str(error)) from None
    try:
        output.write_bytes(sound or b"")
    except OSError as error:
        raise FailedError(f"{output}: {error.strerror}") from None
    result = {
        "file": str(output),
        "seconds": round(made.seconds, 2),
        "message_start_s": round(made.message_start_s, 2),
        "engine": made.engine,
        "text": read.text,
        "fallbacks": [str(failure) for failure in made.failures],
    }
    options.print(result, lambda out: out.print(f"{output}: {made.seconds:.1f} s by {made.engine}\n{read.text}"))
