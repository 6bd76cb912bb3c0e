"""A PostgreSQL server of the tests' own, on a free port of the loopback interface."""

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from backend import PATIENCE_SECONDS

USER = "shop"
# The server refuses to run as root; Debian's package makes this account.
ACCOUNT = "postgres"


def programs():
    """The folder of the newest installed server's programs."""
    versions = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    if newest := max(versions, key=lambda path: float(path.parts[-3]), default=None):
        return newest.parent
    found = shutil.which("postgres")
    return Path(found).resolve().parent if found else None


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Postgres:
    def __init__(self, programs: Path):
        self.programs = programs
        self.account = {"user": ACCOUNT, "group": ACCOUNT, "extra_groups": []} if getpass.getuser() == "root" else {}
        # Not below a directory that another account cannot enter.
        self.directory = Path(tempfile.mkdtemp(prefix="vt-e2e-postgres-"))
        try:
            if self.account:
                shutil.chown(self.directory, ACCOUNT, ACCOUNT)
            self.run("initdb", "--auth=trust", f"--username={USER}", "--no-sync", "--encoding=UTF8", "--locale=C")
            self.start()
        except BaseException:
            shutil.rmtree(self.directory)
            raise

    def run(self, program, *arguments):
        command = [self.programs / program, f"--pgdata={self.directory / 'data'}", *arguments]
        # A file: a server that is started in the background would keep a pipe open.
        with (self.directory / "output").open("w+") as output:
            result = subprocess.run(
                command,
                cwd=self.directory,
                env={**os.environ, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=PATIENCE_SECONDS,
                **self.account,
            )
            output.seek(0)
            assert result.returncode == 0, output.read()

    def start(self):
        """Tries again where the port that was free is taken meanwhile."""
        for _ in range(4):
            try:
                return self.start_on(free_port())
            except AssertionError:
                pass
        return self.start_on(free_port())

    def start_on(self, port):
        self.port = port
        settings = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off"
        self.run("pg_ctl", "start", "--wait", f"--options={settings}", f"--log={self.directory / 'log'}")

    @property
    def url(self):
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    def stop(self):
        try:
            self.run("pg_ctl", "stop", "--wait", "--mode=immediate")
        finally:
            shutil.rmtree(self.directory)
