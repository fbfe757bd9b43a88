"""``import routewright`` and ``routewright --help`` load next to nothing."""

import subprocess
import sys
import textwrap

import pytest

import routewright

HEAVY = {"aiohttp", "numpy", "msgspec", "polars", "rich", "scipy", "sklearn", "starlette", "torch"}


def modules_after(code):
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code) + "\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return set(out.split())


def test_importing_loads_no_dependency():
    assert not modules_after("import routewright") & HEAVY


def test_help_loads_the_command_line_and_nothing_else():
    loaded = modules_after(
        """
        from contextlib import suppress
        from click.testing import CliRunner
        from routewright.cli.main import cli
        result = CliRunner().invoke(cli, ["--help"])
        assert result.exit_code == 0 and "collect" in result.output, result.output
        """
    )
    assert not loaded & HEAVY


def test_importing_opens_no_socket_and_no_file_for_writing():
    modules_after(
        """
        import sys
        def refuse(event, args):
            if event.startswith("socket.") or (event == "open" and set(str(args[1])) & set("wax+")):
                raise AssertionError(f"{event} {args}")
        sys.dont_write_bytecode = True
        sys.addaudithook(refuse)
        import routewright
        """
    )


def test_public_names_are_sorted_and_all_resolve():
    assert routewright.__all__ == sorted(routewright.__all__)
    for name in routewright.__all__:
        assert getattr(routewright, name) is not None
    assert dir(routewright) == sorted(routewright.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        routewright.nonsense  # noqa: B018  # the access itself is what fails
