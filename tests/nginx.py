"""nginx with settings that stand in the documentation, on unix sockets: no port of it can be somebody else's."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.service import PATIENCE_SECONDS, ROOT

AROUND = """
pid nginx.pid;
error_log stderr error;
events {{ }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
{}
}}
"""


def documented(page: str) -> str:
    """The settings on a page of docs/."""
    found = re.search(r"```nginx\n(.*?)```", (ROOT / "docs" / page).read_text(), re.S)
    assert found is not None
    return found[1]


@contextmanager
def running(folder: Path, settings: str, front: Path) -> Iterator[Path]:
    """nginx with these settings, once it listens at `front`."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if program is None:  # a compiler is all that the README asks for; where it counts, nginx has to be there
        assert "CI" not in os.environ, "nginx is not installed (Debian: apt install nginx-light)"
        pytest.skip("nginx is not installed (Debian: apt install nginx-light)")
    (folder / "nginx.conf").write_text(AROUND.format(settings))
    user = "user root; " if os.geteuid() == 0 else ""
    command = [program, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr", "-g", f"{user}daemon off;"]
    subprocess.run([*command, "-t"], check=True, timeout=PATIENCE_SECONDS)
    nginx = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while not front.exists():
            assert nginx.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        yield front
    finally:
        nginx.terminate()
        nginx.wait(PATIENCE_SECONDS)
