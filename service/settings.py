"""Settings from the environment: complete and valid, or the program does not start and names every problem at once."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

PREFIX = "EPACCS_"
MIB = 1024 * 1024
PARTNERS = "partners"
"""The folder under the home folder in which a demo describes its stand-in partners."""
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.:-]{0,251}[a-z0-9])?")
CONFLICT_INSTRUCTION = (
    "Two or more active decisions disagree. Follow your service's procedure for conflicting decisions and call the "
    "number below."
)


class Environment(StrEnum):
    """Where the program runs. Demo doors exist only in `SANDBOX` and `DEMO`."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    DEMO = "demo"


class InvalidSettings(Exception):
    """The settings cannot be used; `problems` has one plain sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as the documentation lists it."""

    name: str
    default: str | None
    meaning: str


SETTINGS = (
    Setting("EPACCS_ENV", "production", "`production`, `sandbox` or `demo`; the demo doors exist only in the last two"),
    Setting("EPACCS_HOME", "var", "folder that holds all state"),
    Setting("EPACCS_TENANT", None, "name of this deployment, bound into every seal; needed in production"),
    Setting("EPACCS_BASE_URL", None, "the address clients use, without a path; https and needed in production"),
    Setting("EPACCS_HOST", "127.0.0.1", "address to listen on"),
    Setting("EPACCS_PORT", "8000", "port to listen on"),
    Setting(
        "EPACCS_STORE",
        "sqlite:///<home>/records.sqlite",
        "where sealed records lie: `sqlite:///<path>`, or `mongodb://...` with its options for TLS and authentication",
    ),
    Setting(
        "EPACCS_STORE_PASSWORD_FILE",
        "",
        "file with the password of the user that a MongoDB address names, so that the address itself holds no secret",
    ),
    Setting(
        "EPACCS_STORE_LINEARIZABLE",
        "no",
        "`yes`: emergency answers from MongoDB wait until a majority agrees that the primary is still it; slower",
    ),
    Setting("EPACCS_KEYS", "file:///<home>/keys.json", "the key ring; `epaccs keys init` makes a file"),
    Setting("EPACCS_CLIENTS", "<home>/clients.json", "file of the registered clients"),
    Setting("EPACCS_ISSUERS", "", "file of outside token issuers; empty: only our own"),
    Setting("EPACCS_POLICY", "", "file of the sharing policy; empty: the one shipped"),
    Setting("EPACCS_LOCALITIES", "", "folder with the policies of localities that differ (`*.json`); empty: none does"),
    Setting(
        "EPACCS_PARTNERS",
        "",
        "folder with the descriptions of the partners that changes are sent to and taken from (`*.json`); empty: none, "
        "or in a demo those that `<home>/partners` describes",
    ),
    Setting(
        "EPACCS_SUBSCRIPTION_HOSTS",
        "",
        "hosts that the endpoints of FHIR Subscriptions may have, exact names joined by commas; empty: none, and no "
        "Subscription can be made",
    ),
    Setting("EPACCS_CONFLICT_TEXT", CONFLICT_INSTRUCTION, "what the locality tells a crew when decisions disagree"),
    Setting("EPACCS_RECORD_LIMIT", str(8 * MIB), "largest record in bytes, attachments apart"),
    Setting("EPACCS_ATTACHMENT_LIMIT", str(25 * MIB), "largest single attachment in bytes"),
    Setting("EPACCS_RESOURCE_LIMIT", "5000", "most current resources in one record"),
    Setting("EPACCS_BODY_LIMIT", str(40 * MIB), "largest request body in bytes"),
    Setting(
        "EPACCS_REQUESTS_PER_MINUTE",
        "6000",
        "requests a minute that each client may send to each process, beyond them 429; ten times as many for emergency "
        "answers; 0: no limit",
    ),
    Setting(
        "EPACCS_TOKEN_FAILURES",
        "60",
        "requests for tokens a minute that may come to nothing from one network address at each process, beyond them "
        "429; 0: no limit. Behind a proxy all clients have its address",
    ),
    Setting(
        "EPACCS_GUESS_LIMIT",
        "60",
        "look-ups that find nobody, of one person in ten minutes, before they get 429 for a quarter of an hour; ten "
        "times as many of a whole client; 0: no limit",
    ),
    Setting(
        "EPACCS_HEADS_FILE",
        "<home>/heads.jsonl",
        "file that signed heads of the audit are appended to; let it, or copies of it, lie where the database's "
        "administrators cannot write",
    ),
    Setting("EPACCS_HEADS_MINUTES", "5", "minutes between two exports of heads: what `epaccs verify` may miss"),
    Setting(
        "EPACCS_SYSLOG",
        "",
        "where heads are sent as well: `udp://host:port`, `tcp://host:port` or a socket such as `/dev/log`; empty: "
        "nowhere",
    ),
    Setting(
        "EPACCS_STANDINS_PORT",
        "8101",
        "first of the three ports of the stand-in partners (demo and sandbox); their control endpoints are ten above",
    ),
    Setting(
        "EPACCS_OTLP",
        "",
        "root address of an OpenTelemetry collector (`http://host:4318`) that traces are sent to, none of which names "
        "a person; empty: none are made",
    ),
    Setting("EPACCS_LOG_LEVEL", "INFO", "`DEBUG`, `INFO`, `WARNING` or `ERROR`"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a deployment decides. Paths are absolute, limits in bytes unless named otherwise."""

    environment: Environment
    home: Path
    tenant: str
    base_url: str
    host: str
    port: int
    store: str
    store_password_file: Path | None
    store_linearizable: bool
    keys: str
    clients: Path
    issuers: Path | None
    policy: Path | None
    localities: Path | None
    partners: Path | None
    subscription_hosts: frozenset[str]
    conflict_text: str
    record_limit: int
    attachment_limit: int
    resource_limit: int
    body_limit: int
    requests_per_minute: int
    token_failures: int
    guess_limit: int
    heads_file: Path
    heads_minutes: int
    syslog: str
    standins_port: int
    otlp: str
    log_level: str

    @property
    def fhir_base(self) -> str:
        """The FHIR base URL, without a slash at the end."""
        return f"{self.base_url}/fhir/R4"

    @property
    def has_demo_doors(self) -> bool:
        """Whether clock, token mint and decide commands may be used."""
        return self.environment is not Environment.PRODUCTION

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read and check every setting; raise InvalidSettings with all problems."""
        reader = _Reader(environ)
        environment = reader.take("EPACCS_ENV", Environment)
        production = environment in (None, Environment.PRODUCTION)
        home = Path(environ.get("EPACCS_HOME") or "var").absolute()
        host, port = reader.text("EPACCS_HOST"), reader.number("EPACCS_PORT", 1, 65535)
        settings = cls(
            environment=environment or Environment.PRODUCTION,
            home=home,
            tenant=reader.required("EPACCS_TENANT", "demo", production),
            base_url=_base_url(reader, f"http://127.0.0.1:{port}", production),
            host=host,
            port=port,
            store=reader.text("EPACCS_STORE").replace("<home>", str(home).lstrip("/")),
            store_password_file=_optional_path(reader.text("EPACCS_STORE_PASSWORD_FILE")),
            store_linearizable=reader.one_of("EPACCS_STORE_LINEARIZABLE", ("yes", "no")) == "yes",
            keys=reader.text("EPACCS_KEYS").replace("<home>", str(home).lstrip("/")),
            clients=Path(reader.text("EPACCS_CLIENTS").replace("<home>", str(home))),
            issuers=_optional_path(reader.text("EPACCS_ISSUERS")),
            policy=_optional_path(reader.text("EPACCS_POLICY")),
            localities=_optional_path(reader.text("EPACCS_LOCALITIES")),
            partners=_partners(reader, home, environment),
            subscription_hosts=_hosts(reader, "EPACCS_SUBSCRIPTION_HOSTS"),
            conflict_text=reader.text("EPACCS_CONFLICT_TEXT"),
            record_limit=reader.number("EPACCS_RECORD_LIMIT", 64 * 1024, 64 * MIB),
            attachment_limit=reader.number("EPACCS_ATTACHMENT_LIMIT", 64 * 1024, 256 * MIB),
            resource_limit=reader.number("EPACCS_RESOURCE_LIMIT", 10, 100_000),
            body_limit=reader.number("EPACCS_BODY_LIMIT", 64 * 1024, 512 * MIB),
            requests_per_minute=reader.number("EPACCS_REQUESTS_PER_MINUTE", 0, 10_000_000),
            token_failures=reader.number("EPACCS_TOKEN_FAILURES", 0, 1_000_000),
            guess_limit=reader.number("EPACCS_GUESS_LIMIT", 0, 1_000_000),
            heads_file=Path(reader.text("EPACCS_HEADS_FILE").replace("<home>", str(home))).absolute(),
            heads_minutes=reader.number("EPACCS_HEADS_MINUTES", 1, 1440),
            syslog=_syslog(reader),
            standins_port=reader.number("EPACCS_STANDINS_PORT", 1, 65_500),
            otlp=_otlp(reader),
            log_level=reader.one_of("EPACCS_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR")),
        )
        _check_store(reader, settings.store, production)
        if reader.problems:
            raise InvalidSettings(reader.problems)
        return settings


def environ_with_dotenv(folder: Path) -> dict[str, str]:
    """Return the process environment over the values of `.env` in `folder`."""
    from_file = {name: value for name, value in dotenv_values(folder / ".env").items() if value is not None}
    return {**from_file, **os.environ}


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._defaults = {setting.name: setting.default or "" for setting in SETTINGS}
        self.problems = [
            f"{name} is not a setting of this program"
            for name in sorted(environ)
            if name.startswith(PREFIX) and name not in self._defaults
        ]

    def text(self, name: str) -> str:
        return self._environ.get(name) or self._defaults[name]

    def required(self, name: str, default: str, needed: bool) -> str:
        value = self.text(name)
        if not value and needed:
            self.problems.append(f"{name} must be set in production")
        return value or default

    def take(self, name: str, kind: Callable[[str], Environment]) -> Environment | None:
        try:
            return kind(self.text(name))
        except ValueError:
            self.problems.append(f"{name} has a value that is not allowed")
            return None

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name)
        if value not in allowed:
            self.problems.append(f"{name} must be one of {', '.join(allowed)}")
        return value

    def number(self, name: str, least: int, most: int) -> int:
        text = self.text(name)
        if not text.isdecimal() or not least <= int(text) <= most:
            self.problems.append(f"{name} must be a whole number from {least} to {most}")
            return least
        return int(text)


def _base_url(reader: _Reader, default: str, production: bool) -> str:
    url = reader.required("EPACCS_BASE_URL", default, production).rstrip("/")
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query):
        reader.problems.append("EPACCS_BASE_URL must be an http or https address without path")
    elif production and reader.text("EPACCS_BASE_URL") and parts.scheme != "https":
        reader.problems.append("EPACCS_BASE_URL must be https in production")
    return url


def _syslog(reader: _Reader) -> str:
    address = reader.text("EPACCS_SYSLOG")
    parts = urlsplit(address)
    try:
        named = parts.scheme in ("udp", "tcp") and bool(parts.hostname) and bool(parts.port)
    except ValueError:
        named = False
    if address and not named and not (parts.scheme == "" and address.startswith("/")):
        reader.problems.append("EPACCS_SYSLOG must be udp://<host>:<port>, tcp://<host>:<port> or a path")
    return address


def _partners(reader: _Reader, home: Path, environment: Environment | None) -> Path | None:
    """Return the folder of partners: in a demo that of the stand-ins, if it is there, as every command should see."""
    named = _optional_path(reader.text("EPACCS_PARTNERS").replace("<home>", str(home)))
    described = home / PARTNERS
    return described if named is None and environment is Environment.DEMO and described.is_dir() else named


def _otlp(reader: _Reader) -> str:
    address = reader.text("EPACCS_OTLP")
    parts = urlsplit(address)
    try:
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if address and (not usable or parts.query or parts.fragment or "@" in parts.netloc):
        reader.problems.append("EPACCS_OTLP must be http://<host>:<port> or https://<host>:<port>")
    return address


def _hosts(reader: _Reader, name: str) -> frozenset[str]:
    hosts = [host.strip() for host in reader.text(name).split(",") if host.strip()]
    if any(_HOST.fullmatch(host) is None for host in hosts):
        reader.problems.append(f"{name} must be names of hosts in lower case, without ports, joined by commas")
    return frozenset(hosts)


def _check_store(reader: _Reader, store: str, production: bool) -> None:
    if not store.startswith(("sqlite:///", "mongodb://", "mongodb+srv://")):
        reader.problems.append("EPACCS_STORE must be sqlite:///<path> or mongodb://<address>")
    elif production and store.startswith("mongodb://") and "tls=true" not in urlsplit(store).query.split("&"):
        reader.problems.append("EPACCS_STORE must ask for TLS in production: mongodb://...?tls=true")


def _optional_path(value: str) -> Path | None:
    return Path(value) if value else None
