"""``burgernet asterisk``: the files of the Asterisk beside us."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.common import FailedError, Options, command_options, example


@click.group()
def asterisk() -> None:
    """The Asterisk that carries our calls."""


@asterisk.command(epilog=example("burgernet asterisk render /etc/burgernet/asterisk -c burgernet.toml"))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@command_options()
def render(options: Options, folder: Path) -> None:
    """Write its configuration from the settings, and the command that starts it. Files of that name are replaced."""
    settings = options.settings()
    from gateway.voice.asterisk import find_program
    from gateway.voice.asterisk import render as render_files

    program = find_program()
    try:
        files = render_files(settings, folder, program)
    except OSError as error:
        raise FailedError(f"{folder}: {error.strerror}") from None
    start = f"{program.path} -C {folder.absolute() / 'asterisk.conf'} -f"
    result = {"files": [str(file) for file in files], "start": start}
    options.print(result, lambda out: out.print("\n".join(result["files"]) + f"\n\nstart it with\n  {start}"))
