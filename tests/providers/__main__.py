"""Run one stand-in until Ctrl-C, and print the lines for `.env` that make Kith talk to it.

python -m tests.providers google --contacts 5000 --port 8801
python -m tests.providers microsoft --contacts 300 --latency 50 --fault contacts=429,usual,503
python -m tests.providers beeper --chats 1000
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from tests.providers.beeper import BeeperStandIn
from tests.providers.faults import BY_NAME
from tests.providers.google import GoogleStandIn
from tests.providers.microsoft import MicrosoftStandIn
from tests.providers.serving import StandIn, standing

PORTS = {"google": 8801, "microsoft": 8802, "beeper": 8803}


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    stopped = threading.Event()
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, lambda *_: stopped.set())
    try:
        stand_in = _made(options)
        for route, names in options.fault:
            stand_in.fault(route, *(BY_NAME[name]() for name in names))
    except (OSError, LookupError) as error:
        print(error, file=sys.stderr)
        return 1
    with standing(stand_in):
        print(f"# {options.provider} stands on {stand_in.address}; put this into .env, stop it with Ctrl-C")
        for name, value in stand_in.settings().items():
            print(f"{name}={value}")
        sys.stdout.flush()
        stopped.wait()
    return 0


def _made(options: argparse.Namespace) -> StandIn:
    served = {"port": options.port or PORTS[options.provider], "latency": options.latency / 1000, "checked": False}
    if options.provider == "beeper":
        return BeeperStandIn(chats=options.chats, **served)
    signed_in = {"redirect_uris": options.redirect, "expires_in": options.expires_in, **served}
    if options.account:
        signed_in["accounts"] = options.account
    if options.provider == "microsoft":
        return MicrosoftStandIn(people=options.contacts, **signed_in)
    return GoogleStandIn(people=options.contacts, other_people=options.other_contacts, **signed_in)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.providers", description="Stand in for a provider.")
    parser.add_argument("provider", choices=PORTS)
    parser.add_argument("--contacts", type=int, default=200, help="people in each address book")
    parser.add_argument("--other-contacts", type=int, default=20, help="Google's other contacts")
    parser.add_argument("--chats", type=int, default=60, help="Beeper's conversations")
    parser.add_argument("--port", type=_port, help=", ".join(f"{port} for {name}" for name, port in PORTS.items()))
    parser.add_argument("--latency", type=float, default=0, help="milliseconds before each answer")
    parser.add_argument("--account", action="append", help="an address to choose on the consent page; repeatable")
    parser.add_argument(
        "--redirect", action="append", default=[], help="a redirect address to compare exactly; repeatable"
    )
    parser.add_argument("--expires-in", type=int, default=3599, help="seconds that access tokens live")
    names = ", ".join(BY_NAME)
    parser.add_argument("--fault", type=_script, action="append", default=[], help=f"ROUTE=NAME,NAME… of: {names}")
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text} is no port.")
    return int(text)


def _script(text: str) -> tuple[str, list[str]]:
    route, _, names = text.partition("=")
    unknown = [name for name in names.split(",") if name not in BY_NAME]
    if unknown:
        raise argparse.ArgumentTypeError(f"There is no fault {', '.join(unknown)}.")
    return route, names.split(",")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
