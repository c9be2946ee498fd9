"""buildah with its own store, and containers of the images that it built."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.eventually import eventually_blocking

ROOT = Path(__file__).resolve().parents[2]
RUN_CONTAINED = Path(__file__).with_name("run_contained.sh")
#: The settings of this machine's pip that also make sense inside a build.
_PORTABLE = ("cert", "index-url", "extra-index-url", "proxy", "timeout", "trusted-host")


class Builder:
    """chroot needs no cgroup and no running engine; overlay comes first, because vfs copies every layer."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._containers: list[str] = []
        self._storage = next(
            options for driver in ("overlay", "vfs") if _works(options := _storage(directory, driver))
        )
        self._pip_conf = directory / "pip.conf"
        self._pip_conf.write_text(_pip_configuration())

    def base(self, archive: Path, tag: str) -> None:
        container = self._buildah("from", "scratch")
        self._buildah("add", container, str(archive), "/")
        self._buildah("commit", "--quiet", "--rm", container, tag)

    def build(self, context: Path, tag: str, **arguments: str) -> None:
        given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        # HEALTHCHECK exists only in Docker's format.
        options = ("--format=docker", f"--secret=id=pip,src={self._pip_conf}", "--pull-never")
        self._buildah("bud", *options, *given, f"--tag={tag}", str(context))

    def image(self, tag: str) -> "Image":
        """The image, with its files where processes can be started in them."""
        config = json.loads(self._buildah("inspect", "--type=image", tag))["Docker"]["config"]
        container = self._buildah("from", "--pull-never", tag)
        self._containers.append(container)
        return Image(Path(self._buildah("mount", container)), config)

    def close(self) -> None:
        for container in self._containers:
            self._buildah("umount", container)
            self._buildah("rm", container)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _buildah(self, *arguments: str) -> str:
        command = ["buildah", *self._storage, *arguments]
        done = subprocess.run(
            command, env={**os.environ, "BUILDAH_ISOLATION": "chroot"}, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout.strip()


@dataclass(frozen=True)
class Image:
    """`config` is Docker's: Cmd, Env, User, Labels, Healthcheck, WorkingDir."""

    root: Path
    config: Mapping[str, Any]

    def start(self, log: Path, command: Sequence[str] = (), **environment: str) -> "Container":
        """Runs the image's own command by default."""
        user, group = self.config["User"].split(":")
        variables = [*self.config["Env"], *(f"{name}={value}" for name, value in environment.items())]
        arguments = [str(RUN_CONTAINED), str(self.root), user, group, self.config["WorkingDir"], *variables]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*arguments, *(command or self.config["Cmd"])], stdout=output, stderr=output
            )
        return Container(process, log, (user, group), [*variables])

    def run(self, log: Path, *command: str, **environment: str) -> tuple[int, str]:
        container = self.start(log, command, **environment)
        return container.process.wait(60), log.read_text()


class Container:
    """One contained process; signals go to process 1 of its namespace."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", log: Path, user: tuple[str, str], variables: list[str]
    ) -> None:
        self.process = process
        self.log = log
        self._user, self._group = user
        self._variables = variables

    @property
    def pid(self) -> int:
        def child() -> int:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            assert len(children) == 1, self.log.read_text()
            return int(children[0])

        return eventually_blocking(child)

    def execute(self, *command: str) -> tuple[int, str]:
        """As the kubelet runs an exec probe or a preStop in a container."""
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--root", "--wd"]
        become = [
            "setpriv",
            f"--reuid={self._user}",
            f"--regid={self._group}",
            "--clear-groups",
            "--no-new-privs",
        ]
        done = subprocess.run(
            [*enter, *become, "env", "-i", *self._variables, *command],
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout + done.stderr

    def status(self) -> dict[str, str]:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def terminate(self, seconds: float) -> int:
        os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(seconds)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def _storage(directory: Path, driver: str) -> list[str]:
    return [
        f"--storage-driver={driver}",
        f"--root={directory / driver}",
        f"--runroot={directory / driver}.run",
    ]


def _works(storage: Sequence[str]) -> bool:
    return subprocess.run(["buildah", *storage, "info"], capture_output=True).returncode == 0


def _pip_configuration() -> str:
    """The machine's pip settings as a pip.conf for the build; this repository names no index."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, str] = {}
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2]
        values = [part for part in value.strip("'\"").split() if not part.startswith("file:")]
        if name in _PORTABLE and values:
            found[name] = " ".join(values)
    return "\n".join(["[global]", *(f"{name} = {value}" for name, value in found.items()), ""])
