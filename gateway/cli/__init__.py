"""The command line: ``burgernet COMMAND``. Commands are imported when they are called, so that help comes at once."""

from __future__ import annotations

from importlib import import_module

import click

from gateway import __version__
from gateway.cli.common import example

# name: (where it is, what it does in a line)
_COMMANDS = {
    "serve": ("gateway.cli.daemon:serve", "Run the daemon until it is told to stop."),
    "demo": ("gateway.cli.demo:demo", "Replay three real actions against a simulated carrier."),
    "check": ("gateway.cli.daemon:check", "Try everything that the settings name; one line each."),
    "db": ("gateway.cli.daemon:db", "The database's tables."),
    "keys": ("gateway.cli.keys:keys", "Keys for the HTTP API."),
    "participants": ("gateway.cli.participants:participants", "Import, export and forget participants."),
    "action": ("gateway.cli.action:action", "Start, change, end and follow actions."),
    "asterisk": ("gateway.cli.asterisk:asterisk", "The configuration of the Asterisk beside us."),
    "speak": ("gateway.cli.speak:speak", "Speak a message into a WAV file, as a call plays it."),
    "rehearsal": ("gateway.cli.rehearsal:rehearsal", "Simulated carriers to rehearse with."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a newcomer needs them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import it."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in the help, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, told) for name, (_, told) in _COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=example("burgernet check -c burgernet.toml", "burgernet serve -c burgernet.toml"),
)
@click.version_option(__version__, prog_name="burgernet")
def main() -> None:
    """Burgernet gateway: actions by SMS and telephone, to the people whom an app misses.

    Settings come from -c FILE, else from the file that BURGERNET_CONFIG names, else from burgernet.toml in this folder.
    """
