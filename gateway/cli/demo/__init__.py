"""``burgernet demo``: three real actions, from the press to the report, on real parts and a simulated carrier."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import click

from gateway.cli.common import Options, command_options, console, example


@click.command(epilog=example("burgernet demo", "burgernet demo --keep --people 20000"))
@click.option(
    "--people", type=click.IntRange(300, 1_000_000), default=6000, show_default=True, help="Made-up participants."
)
@click.option("--keep", is_flag=True, help="Leave everything running afterwards, until Ctrl-C.")
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), help="Where to keep it; a new one if not given."
)
@command_options()
def demo(options: Options, people: int, keep: bool, folder: Path | None) -> None:
    """Replay three actions of 2016 against a simulated carrier and a simulated telephone network.

    Imports made-up participants around Weesp, Amsterdam and Gemert-Bakel, runs the daemon, a simulated SMSC and two
    Asterisks as processes of their own, starts the actions over HTTP, shows them live, lets citizens reply, and prints
    the reports. One recording of what a called telephone heard is left to listen to.
    With -c the simulated carrier has the sender, window and price of the first carrier of those settings.
    """
    from gateway.cli.demo.show import Show
    from gateway.cli.demo.stage import Stage

    carriers = options.settings().carrier if options.named else ()
    out = console(stderr=options.json)
    with Stage(folder, people, out, carriers[0] if carriers else None) as stage:
        stage.set_up()
        show = Show(stage, out)
        show.run()
        options.print(show.reports, lambda _: show.print_reports())
        if stage.recording is not None:
            kept = Path(tempfile.gettempdir()) / "burgernet-demo-call.wav"
            shutil.copyfile(stage.recording, kept)
            out.print(f"\nWhat a called telephone heard, to listen to: [bold]{kept}[/bold]")
        if keep:
            out.print(f"\n[bold]Running[/bold] at {stage.url}/api/v1, settings {stage.settings}, with")
            out.print(f"  export BURGERNET_KEY={stage.key}", soft_wrap=True)
            out.print("Ctrl-C ends it.")
            try:
                while stage.alive:
                    time.sleep(0.5)  # noqa: TID251 - a command with nothing else to do
            except KeyboardInterrupt:
                out.print("ending")
