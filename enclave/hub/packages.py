"""The package mirror: wheels that an administrator allowed, hashes checked, read only in sessions, without a network.

`packages.lock` is the allow-list: `name==version --hash=sha256:… file`, one wheel a line. `wheels/` holds the files,
`site/` what they unpack to, mounted at `/opt/enclave/packages` and at the end of every session's search path, so that
nothing in it can take the place of what the runtime has. A session can neither write there nor send anything back.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from enclave.kernel.errors import Invalid, NotFound, Tampered

_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9.!+_-]+) --hash=sha256:(?P<digest>[0-9a-f]{64}) "
    r"(?P<file>[A-Za-z0-9][A-Za-z0-9._+-]*\.whl)"
)
_WANTED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+_-]+")


@dataclass(frozen=True, slots=True)
class Package:
    """One wheel of the allow-list."""

    name: str
    version: str
    sha256: str
    file: str

    def line(self) -> str:
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256} {self.file}"


@dataclass(frozen=True, slots=True)
class Mirror:
    """The mirror of one installation.

    Args:
        home: its folder.
        python: the interpreter of sessions, whose wheels are fetched.
        constraints: versions that the runtime has; what is added must agree with them.
    """

    home: Path
    python: Path
    constraints: Path | None = None

    @property
    def site(self) -> Path:
        return self.home / "site"

    def allowed(self) -> list[Package]:
        """The allow-list.

        Raises:
            Invalid: when a line of it cannot be read.
        """
        try:
            lines = (self.home / "packages.lock").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        found = []
        for number, line in enumerate(lines, start=1):
            if not line.strip() or line.startswith("#"):
                continue
            read = _LINE.fullmatch(line.strip())
            if read is None:
                raise Invalid(
                    [f"Line {number} of packages.lock cannot be read. Put back what the product wrote."]
                )
            found.append(Package(read["name"], read["version"], read["digest"], read["file"]))
        return found

    def add(self, wanted: str, *, sha256: str = "", source: Sequence[str] = ()) -> list[Package]:
        """Allows one package with everything that it needs beyond the runtime; what is new.

        Args:
            wanted: `name==version`.
            sha256: of its own wheel, when it is known from elsewhere; another one is refused.
            source: options of pip that say where wheels come from; empty means this machine's index.

        Raises:
            Invalid: when it cannot be fetched as wheels, or its hash is another one.
        """
        if not _WANTED.fullmatch(wanted):
            raise Invalid(["Name a package with its version, for example pyfixest==0.40.0."])
        self.home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.home, prefix="fetch-") as place:
            fetched = self._fetch(wanted, Path(place), source)
            own = re.sub(r"[-_.]+", "-", wanted.partition("==")[0]).lower()
            for package in fetched:
                if sha256 and package.name == own and package.sha256 != sha256:
                    raise Invalid(
                        [
                            f"The wheel of {wanted} that was fetched does not have that hash. Nothing was added."
                        ]
                    )
            known = {p.file for p in self.allowed()}
            fresh = [p for p in fetched if p.file not in known]
            kept = [*self.allowed(), *fresh]
            wheels = self.home / "wheels"
            wheels.mkdir(exist_ok=True)
            for package in fresh:
                shutil.move(Path(place) / package.file, wheels / package.file)
            self._write(kept)
        self.build()
        return fresh

    def remove(self, name: str) -> list[Package]:
        """Takes a package off the list; sessions opened from now on lack it. What was removed."""
        own = re.sub(r"[-_.]+", "-", name).lower()
        gone = [p for p in self.allowed() if p.name == own]
        if not gone:
            raise NotFound("No package of that name is allowed. See `enclave packages list`.")
        self._write([p for p in self.allowed() if p.name != own])
        for package in gone:
            (self.home / "wheels" / package.file).unlink(missing_ok=True)
        self.build()
        return gone

    def verify(self) -> list[str]:
        """One sentence for each wheel that is missing or not the one that was allowed."""
        faults = []
        for package in self.allowed():
            wheel = self.home / "wheels" / package.file
            if not wheel.is_file():
                faults.append(f"The wheel of {package.name} {package.version} is missing. Add it again.")
            elif _sha256(wheel) != package.sha256:
                faults.append(
                    f"The wheel of {package.name} {package.version} is not the one that was allowed."
                )
        return faults

    def build(self) -> None:
        """Unpacks every allowed wheel anew, hashes checked; the new folder takes the old one's place whole.

        Raises:
            Tampered: when a wheel is not the one that was allowed; sessions keep what they have.
        """
        faults = self.verify()
        if faults:
            raise Tampered(" ".join(faults))
        fresh = Path(tempfile.mkdtemp(dir=self.home, prefix="site-"))
        try:
            for package in self.allowed():
                _unpack(self.home / "wheels" / package.file, fresh)
            for path in (fresh, *fresh.rglob("*")):
                path.chmod(0o755 if path.is_dir() else 0o644)
            old = self.home / "site.old"
            shutil.rmtree(old, ignore_errors=True)
            if self.site.exists():
                self.site.rename(old)  # sessions that are open still look into it
            fresh.rename(self.site)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _fetch(self, wanted: str, place: Path, source: Sequence[str]) -> list[Package]:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--only-binary=:all:",
            "--dest",
            str(place),
        ]
        command += ["--disable-pip-version-check", *source]
        have = self._runtime()
        rules = place / "constraints.txt"
        rules.write_text("".join(f"{name}=={version}\n" for name, version in have.items()))
        ran = subprocess.run(
            [*command, "--constraint", str(rules), wanted], capture_output=True, text=True, check=False
        )
        rules.unlink()
        if ran.returncode != 0:
            last = (ran.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise Invalid([f"{wanted} could not be fetched as wheels that fit the runtime: {last[:200]}"])
        found = []
        for wheel in sorted(place.glob("*.whl")):
            name, version = wheel.name.split("-")[:2]
            plain = re.sub(r"[-_.]+", "-", name).lower()
            if plain not in have:  # the runtime has it, at that very version
                found.append(Package(plain, version, _sha256(wheel), wheel.name))
        return found

    def _runtime(self) -> dict[str, str]:
        """Name to version of what the runtime has."""
        if self.constraints is None or not self.constraints.is_file():
            return {}
        pairs = (line.split("==", 1) for line in self.constraints.read_text().splitlines() if "==" in line)
        return {re.sub(r"[-_.]+", "-", n).strip().lower(): v.split()[0].strip() for n, v in pairs}

    def _write(self, packages: Sequence[Package]) -> None:
        lines = ["# Wheels that sessions may import; kept by `enclave packages`."]
        lines += [p.line() for p in sorted(packages, key=lambda p: (p.name, p.version))]
        fresh = self.home / "packages.lock.new"
        fresh.write_text("\n".join(lines) + "\n", encoding="utf-8")
        fresh.replace(self.home / "packages.lock")


def _unpack(wheel: Path, to: Path) -> None:
    """A wheel's own files (PEP 427): nothing outside `to`, no scripts, nothing that runs when it is unpacked."""
    import zipfile  # noqa: PLC0415 - for the few who add packages

    with zipfile.ZipFile(wheel) as archive:
        for part in archive.infolist():
            path = Path(part.filename)
            if path.is_absolute() or ".." in path.parts or part.is_dir():
                continue
            parts = path.parts
            if parts[0].endswith(".data"):
                if len(parts) < 3 or parts[1] not in ("purelib", "platlib"):
                    continue
                parts = parts[2:]
            # A .pth file would run code in every session.
            if len(parts) == 1 and parts[0].endswith(".pth"):
                continue
            target = to.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(part) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
