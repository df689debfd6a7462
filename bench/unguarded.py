"""`flr-lookup serve` without access control and audit, on loopback: what they cost is the difference.

    python -m bench.unguarded serve ...

For measurements, and for tests of something else. It is not installed, and the command has no such setting.
"""

import os
import sys

from lookup import __main__ as command
from lookup import log as logging
from lookup.settings import TABLE, Settings
from register.settings import SettingsError, read_settings


def main() -> int:
    """Serve; the arguments are those of `flr-lookup serve`."""
    arguments = command.parser().parse_args()
    flags = {name: value for name, value in vars(arguments).items() if name in Settings.__struct_fields__}
    logging.configure()
    try:
        settings = read_settings(Settings, TABLE, os.environ, flags)
        return command.serve(settings, [name for name in ("host", "port", "uds") if flags.get(name) is not None], None)
    except (SettingsError, command.Refused) as error:
        sys.stderr.write(f"flr-lookup: {error}\n")
        return command.CONFIGURATION


if __name__ == "__main__":
    sys.exit(main())
