"""The ``routewright`` command; verbs load when they are called, so that --help stays quick."""

from __future__ import annotations

import importlib
import keyword
import sys

import click

from routewright import __version__
from routewright.errors import RoutewrightError

# In the order of the pipeline, with the line that --help shows: naming it here spares the import.
VERBS = {
    "import": "Read logs: prompts to collect, and answers that need not be bought again.",
    "collect": "Ask every model every prompt; resumable at any moment.",
    "judge": "Grade collected answers: verifying graders, an LLM judge for the rest.",
    "data": "Look at routing data: what it holds, what routing could gain, what looks wrong.",
    "train": "Fit a router on routing data and write its artefact.",
    "evaluate": "Prove on held-out prompts whether routing pays.",
    "push": "Put a trained router on the model hub, with a card.",
    "pull": "Take a router from the model hub, at one commit.",
    "bench": "Compare routers on benchmarks: splits, seeds, intervals, one leaderboard.",
    "route": "Decide which model a prompt should go to, without a server.",
    "config": "Check a gateway's configuration and artefact without starting it.",
    "cache": "Find from which similarity on a cached answer may be given to another prompt.",
    "keys": "Make, list, change and revoke the API keys of a gateway.",
    "decisions": "List, show and export what a gateway decided, and how that ended.",
    "reload": "Have a running gateway read its configuration again, in all workers or in none.",
    "promote": "Put another artefact in force in a running gateway.",
    "rollback": "Put the former artefact in force again.",
    "doctor": "Look whether something is wrong: rows that were lost, or are there twice.",
    "serve": "Serve the router behind an OpenAI-compatible endpoint.",
}


class Verbs(click.Group):
    """A group that knows its verbs by name and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order of the pipeline."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command; None makes click name near matches."""
        del ctx
        if cmd_name not in VERBS:
            return None
        # A verb that Python keeps for itself has its file end in an underscore.
        file = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        module = importlib.import_module(f"routewright.cli.{file}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="routewright")
def cli() -> None:
    """Learn from graded answers which LLM to ask, prove that it pays, and serve the choice."""


def main() -> None:
    """Run the command line; a mistake of the caller is one line and exit code 2."""
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except RoutewrightError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
