"""`connector init`: settings, key and database, whatever of them is missing.

Which tables there are is the migrations' affair; whether it all works, `connector doctor` says.
"""

import os
from pathlib import Path

import typer

from connector.cli.terminal import note, say, terminal_of
from connector.errors import InvalidSetting, MissingSecret
from connector.storage import connections
from connector.storage.database import Database
from connector.storage.vault import new_key

TEMPLATE = """# Settings of the connector; every key is explained in docs/configuration.md.

[exact]
country = "nl"
client_id = ""                      # of your app registration with Exact
client_secret_file = ""             # or CONNECTOR_EXACT_CLIENT_SECRET in the environment
redirect_uri = ""                   # exactly as registered with Exact, https

[storage]
database_url = "sqlite:///connector.db"
secret_key_file = "connector.key"   # keep a copy in a safe place

[setup]
upload_address = ""                 # the unique address that InvoiceSharing gave you: …@uploads.is

[routing]
start_date = ""                     # older invoices are never sent; empty: the day of connecting

[mail]
host = "127.0.0.1"
port = 1025
security = "none"                   # none (loopback only), starttls, tls
from_address = ""                   # the address that invoices come from
notify = []                         # who hears of invoices that could not be delivered
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(context: typer.Context) -> None:
    """Write config.toml, make the secret key and the database; what is there is kept."""
    terminal = terminal_of(context)
    made = []
    if not terminal.config.exists():
        write_private(terminal.config, TEMPLATE)
        made.append(str(terminal.config))
    settings = terminal.settings()
    database = Database(settings.database_url)
    try:
        database.migrate()
        with database.reading() as session:
            holds_tokens = connections.holds_tokens(session)
    finally:
        database.dispose()
    try:
        settings.secret_keys()
    except MissingSecret as missing:
        if not settings.storage.secret_key_file:
            raise
        if holds_tokens:
            raise MissingSecret(
                f"{missing.message}, and the database holds tokens that only the old key opens",
                hint="put the old key file back; or `connector disconnect` every division, run `connector init` again "
                "and connect again",
            ) from missing
        key_file = settings.path(settings.storage.secret_key_file)
        write_private(key_file, new_key() + "\n")
        made.append(str(key_file))
    for name in made:
        say(f"made {name}")
    say("ready: settings, key and database are in place")
    note(context, "next: fill in the settings, then `connector doctor` and `connector connect`")


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner can read.

    Raises:
        InvalidSetting: It cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InvalidSetting(f"{path} cannot be written: {error.strerror}", hint="choose another folder") from error
