"""Makes the Debian package of a wheel: `make deb`, or python3 deploy/deb.py dist/NAME.whl [--extras cluster,parquet].

Run by Debian's own Python, whose version the package is then for: the wheel must be for it too. What the wheel needs is
fetched first, as wheels, into build/deb/wheels; then dpkg-buildpackage puts them in a private environment by
deploy/debian, without the network. The same wheels give the same package, octet for octet. It goes to dist/.
"""

import argparse
import os
import shutil
import subprocess
import sys
from email.utils import formatdate
from pathlib import Path

NAME = "fastlegeregisteret"
DEPLOY = Path(__file__).resolve().parent
WORK = DEPLOY.parent / "build" / "deb"
# What stands in the tree: installed as debian/ says, by name. Two have names there that tell debhelper what they are.
SOURCES = [
    *DEPLOY.glob("flr-*.service"),
    *DEPLOY.glob("flr-*.socket"),
    *DEPLOY.glob("flr-*.timer"),
    DEPLOY / "flr.toml",
]
DOCS = [DEPLOY.parent / "docs" / "operations.md", DEPLOY.parent / "CHANGELOG.md"]


def run(*command: str | Path, cwd: Path = DEPLOY, **environment: str) -> str:
    """What a program writes to standard output; ours ends when it fails."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        sys.stderr.write(done.stdout)
        raise SystemExit(f"deb.py: {Path(command[0]).name} ended with {done.returncode}")
    return done.stdout


def epoch() -> str:
    """Of when the package says it is, in seconds: the last commit's time, unless SOURCE_DATE_EPOCH says otherwise."""
    return os.environ.get("SOURCE_DATE_EPOCH") or run("git", "log", "-1", "--format=%ct").strip()


def gather(wheel: Path, extras: str) -> Path:
    """The pip that installs for this Python; what the wheel needs is in build/deb/wheels then, and nothing else."""
    pip = WORK / "env" / "bin" / "pip"
    if not pip.exists():
        run(sys.executable, "-m", "venv", WORK / "env")
    shutil.rmtree(WORK / "wheels", ignore_errors=True)
    run(pip, "wheel", "--quiet", "--wheel-dir", WORK / "wheels", f"{wheel}[{extras}]")
    return pip


def arrange(tree: Path, version: str, when: str) -> None:
    """The folder that the package is built in."""
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(DEPLOY / "debian", tree / "debian")
    for source in (*SOURCES, *DOCS):
        shutil.copy(source, tree)
    for kind in ("sysusers", "tmpfiles"):
        shutil.copy(DEPLOY / f"flr.{kind}", tree / "debian" / f"{NAME}.{kind}")
    for command in ("flr-lookup", "flr-loader"):
        shutil.copy(DEPLOY / "debian" / "command", tree / command)
    maintainer = next(
        line for line in (tree / "debian" / "control").read_text().splitlines() if line[:10] == "Maintainer"
    )
    (tree / "debian" / "changelog").write_text(
        f"{NAME} ({version}) unstable; urgency=medium\n\n  * Version {version}.\n\n"
        f" -- {maintainer.partition(': ')[2]}  {formatdate(int(when))}\n"
    )


def main() -> int:
    """Make the package; prints where it is."""
    parser = argparse.ArgumentParser(prog="deb.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("wheel", type=Path, help="our own")
    parser.add_argument("--extras", default="cluster", help="what is put in besides; default: %(default)s")
    arguments = parser.parse_args()
    wheel = arguments.wheel.resolve()
    version = wheel.name.split("-")[1]
    when, pip, tree = epoch(), gather(wheel, arguments.extras), WORK / f"{NAME}-{version}"
    arrange(tree, f"{version}-1", when)
    shutil.move(WORK / "wheels", tree)
    run(
        "dpkg-buildpackage",
        "--build=binary",
        "--unsigned-source",
        "--unsigned-changes",
        cwd=tree,
        SOURCE_DATE_EPOCH=when,
        PYTHON=sys.executable,
        PIP=str(pip),
        REQUIREMENT=f"{NAME}[{arguments.extras}]",
    )
    (package,) = WORK.glob(f"{NAME}_{version}-1_*.deb")
    print(shutil.copy(package, wheel.parent))
    return 0


if __name__ == "__main__":
    sys.exit(main())
