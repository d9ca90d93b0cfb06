"""A connected installation of the connector in a folder: settings, key, SQLite file, tokens, one pinned division."""

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx

from benchmarks.site import CALLBACK, DIVISION, Site
from connector.composition import Wiring
from connector.settings import Settings
from connector.storage.database import Database
from connector.storage.vault import new_key
from connector.usecases.connect_division import finish_consent, pin_divisions, start_consent

SETTINGS = """
[exact]
base_url = "{base_url}"
client_id = "{client_id}"
client_secret = "{client_secret}"
redirect_uri = "{redirect_uri}"
"""


def install(folder: Path, site: Site) -> Wiring:
    """Do what `connector init` and `connector connect` do; the caller closes what it gets (`with`)."""
    (folder / "connector.key").write_text(new_key(), encoding="utf-8")
    text = SETTINGS.format(
        base_url=site.base_url, client_id=site.client_id, client_secret=site.client_secret, redirect_uri=CALLBACK
    )
    (folder / "config.toml").write_text(text, encoding="utf-8")
    wiring = Wiring(Settings.load(folder / "config.toml", {}))
    database = Database(wiring.settings.database_url)
    database.migrate()
    database.dispose()
    _connect(wiring, site)
    return wiring


def _connect(wiring: Wiring, site: Site) -> None:
    address, state = start_consent(wiring.database, wiring.oauth, now=wiring.clock())
    answer = httpx.get(address, follow_redirects=False)
    consent = finish_consent(
        wiring.database,
        wiring.vault,
        wiring.oauth,
        wiring.exact_before_choice,
        dict(parse_qsl(urlsplit(answer.headers["Location"]).query)),
        state=state,
        base_url=site.base_url,
        client_id=site.client_id,
        clock=wiring.clock,
    )
    pin_divisions(wiring.database, consent, [DIVISION], now=wiring.clock(), today=wiring.today)
