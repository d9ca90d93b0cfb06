"""Dutch and English wording: why an invoice waits or a connection is lost and what to do, and the mails about both.

Written for an accountant, not for a system manager. When a mail goes out, and to whom, is decided elsewhere.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from unicodedata import category

LANGUAGES = ("nl", "en")
_CELL_START = r"(?:^|(?<=[;,\t|]))"
"""Of a text, or after what some spreadsheet takes for the end of a cell."""
_FORMULA = r"""'*[\s"]*[=+\-@＝＋－＠]"""
"""Text that begins so is calculated by a spreadsheet (OWASP, CSV injection); the wide signs count in Japanese Excel."""
_CALCULATED = re.compile(f"{_CELL_START}(?={_FORMULA})")
_GUARDED = re.compile(f"{_CELL_START}'(?={_FORMULA})")
_CONTROLS = frozenset({"Cc", "Zl", "Zp"})
"""Unicode's categories of what ends a line or steers something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonText:
    """A reason in words: a few words, what is the matter, and what to do about it."""

    title: str
    explanation: str
    remedy: str


_RELEASE_NL = "Geef de factuur daarna vrij met: connector invoices release {id}"
_RELEASE_EN = "Then release the invoice with: connector invoices release {id}"
_RETRY_NL = "Probeer het daarna opnieuw met: connector invoices retry {id}"
_RETRY_EN = "Then try again with: connector invoices retry {id}"

_REASONS: dict[str, dict[str, tuple[str, str, str]]] = {
    "without_kvk": {
        "nl": (
            "Geen geldig KvK-nummer",
            "Op de relatiekaart van deze Nederlandse organisatie staat geen geldig KvK-nummer; daarom is niet zeker "
            "bij wie de factuur hoort.",
            "Open in Exact Online de relatie en vul bij KvK-nummer de acht cijfers in. " + _RETRY_NL,
        ),
        "en": (
            "No valid KvK number",
            "The card of this Dutch organisation has no valid KvK number, so it is not certain whose invoice this is.",
            "Open the customer in Exact Online and enter the eight digits of its KvK number. " + _RETRY_EN,
        ),
    },
    "no_address": {
        "nl": (
            "Geen e-mailadres",
            "Er is geen bruikbaar e-mailadres bekend om deze factuur naartoe te sturen.",
            "Vul in Exact Online op de relatiekaart één geldig e-mailadres in. " + _RETRY_NL
            + "\nOf wijs zelf een ontvanger aan met: connector invoices release {id} --to ONTVANGER",
        ),
        "en": (
            "No e-mail address",
            "No usable e-mail address is known to send this invoice to.",
            "Enter one valid e-mail address on the customer's card in Exact Online. " + _RETRY_EN
            + "\nOr name a recipient yourself with: connector invoices release {id} --to RECIPIENT",
        ),
    },
    "unknown_recipient": {
        "nl": (
            "Ontvanger onbekend",
            "Deze ontvanger staat niet in de lijst van ontvangers, en volgens de instellingen wacht een factuur dan.",
            "Voeg de ontvanger toe met: connector recipients add. " + _RETRY_NL,
        ),
        "en": (
            "Recipient unknown",
            "This recipient is not in the directory, and by the settings such an invoice waits.",
            "Add the recipient with: connector recipients add. " + _RETRY_EN,
        ),
    },
    "kvk_differs": {
        "nl": (
            "Twee verschillende KvK-nummers",
            "Op de factuur staat voor de klant een ander KvK-nummer dan op de relatiekaart.",
            "Ga na welk nummer juist is. Verbeter zo nodig het KvK-nummer op de relatiekaart in Exact Online. "
            + _RETRY_NL + "\nIs de factuur zelf onjuist, maak dan een nieuwe.",
        ),
        "en": (
            "Two different KvK numbers",
            "The invoice gives another KvK number for the customer than the customer's card.",
            "Find out which number is right and, where needed, correct the KvK number on the card in Exact Online. "
            + _RETRY_EN + "\nIf the invoice itself is wrong, make a new one.",
        ),
    },
    "own_number": {
        "nl": (
            "Uw eigen KvK-nummer bij de klant",
            "Bij de klant staat het KvK-nummer van de afzender zelf; de factuur zou bij uzelf terechtkomen.",
            "Vervang op de relatiekaart in Exact Online uw eigen KvK-nummer door dat van de klant. " + _RETRY_NL,
        ),
        "en": (
            "Your own KvK number with the customer",
            "The customer has the KvK number of the sender itself; the invoice would come back to you.",
            "Replace your own KvK number on the card in Exact Online by the customer's. " + _RETRY_EN,
        ),
    },
    "ambiguous_recipient": {
        "nl": (
            "Meer dan één ontvanger",
            "In de lijst van ontvangers staat hetzelfde nummer bij verschillende ontvangers.",
            "Bekijk de lijst met: connector recipients list, en verwijder de onjuiste regel. " + _RETRY_NL,
        ),
        "en": (
            "More than one recipient",
            "The directory has the same number for different recipients.",
            "Look at the list with: connector recipients list, and remove the wrong line. " + _RETRY_EN,
        ),
    },
    "number_conflict": {
        "nl": (
            "Factuurnummer al gebruikt",
            "Er is al een factuur met dit nummer ontvangen, met een andere inhoud.",
            "Vergelijk beide facturen. Hoort deze wel verstuurd te worden, geef hem dan vrij met: "
            "connector invoices release {id}. Maak anders een factuur met een nieuw nummer.",
        ),
        "en": (
            "Invoice number used before",
            "An invoice with this number has come in before, with other contents.",
            "Compare the two. If this one should be sent, release it with: connector invoices release {id}. "
            "Otherwise make an invoice with a new number.",
        ),
    },
    "totals_differ": {
        "nl": (
            "Totalen sluiten niet aan",
            "De regels en de btw van deze factuur geven samen een ander totaal dan Exact Online zelf noemt.",
            "Controleer in Exact Online de regels, kortingen en btw-codes van deze factuur. " + _RETRY_NL,
        ),
        "en": (
            "Totals do not agree",
            "The lines and the VAT of this invoice add up to another total than Exact Online itself gives.",
            "Check the lines, discounts and VAT codes of this invoice in Exact Online. " + _RETRY_EN,
        ),
    },
    "fact_missing": {
        "nl": (
            "Verplicht gegeven ontbreekt",
            "In Exact Online ontbreekt een gegeven dat op elke e-factuur moet staan.",
            "Vul in Exact Online aan wat hieronder bij Bijzonderheid staat. " + _RETRY_NL,
        ),
        "en": (
            "A mandatory fact is missing",
            "A fact that every e-invoice must have is missing in Exact Online.",
            "Complete in Exact Online what stands below as the detail. " + _RETRY_EN,
        ),
    },
    "fatal_findings": {
        "nl": (
            "De e-factuur is niet geldig",
            "De e-factuur voldoet niet aan de regels; de ontvanger zou haar weigeren.",
            "Bekijk de bevindingen met: connector invoices show {id}. Verbeter de factuur in het programma waarin "
            "zij is gemaakt en verstuur haar opnieuw.",
        ),
        "en": (
            "The e-invoice is not valid",
            "The e-invoice breaks the rules; the recipient would refuse it.",
            "See the findings with: connector invoices show {id}. Correct the invoice in the program that made it "
            "and send it again.",
        ),
    },
    "unreadable": {
        "nl": (
            "Het bestand is niet te lezen",
            "Dit bestand is beschadigd, of is geen e-factuur die wij kunnen lezen.",
            "Maak het bestand opnieuw in het programma waarin het is gemaakt en verstuur het nog eens.",
        ),
        "en": (
            "The file cannot be read",
            "This file is damaged, or is no e-invoice that we can read.",
            "Make the file again in the program that made it, and send it once more.",
        ),
    },
    "delivery_uncertain": {
        "nl": (
            "Onzeker of de factuur is aangekomen",
            "De verbinding viel weg tijdens het versturen. De factuur kan zijn aangekomen; daarom versturen wij haar "
            "niet vanzelf nog eens.",
            "Vraag de ontvanger of de factuur er is. Zo ja: connector invoices settle {id} --delivered. "
            "Zo nee: connector invoices retry {id}",
        ),
        "en": (
            "Not certain whether the invoice arrived",
            "The connection dropped while the invoice was being sent. It may have arrived, so we do not send it again "
            "by ourselves.",
            "Ask the recipient whether it is there. If so: connector invoices settle {id} --delivered. "
            "If not: connector invoices retry {id}",
        ),
    },
    "delivery_failed": {
        "nl": (
            "Versturen is mislukt",
            "De mailserver heeft de factuur geweigerd, of was dagenlang niet te bereiken.",
            "Controleer het e-mailadres van de ontvanger en verbeter het in Exact Online of in de lijst van "
            "ontvangers. " + _RETRY_NL,
        ),
        "en": (
            "Sending failed",
            "The mail server refused the invoice, or could not be reached for days.",
            "Check the recipient's e-mail address, and correct it in Exact Online or in the directory. " + _RETRY_EN,
        ),
    },
    "deliver_none": {
        "nl": (
            "Tegengehouden door een instelling",
            "Volgens de instellingen van deze administratie worden facturen nu niet verstuurd.",
            "Moet deze factuur toch weg? Pas de instelling routing.deliver aan. " + _RELEASE_NL,
        ),
        "en": (
            "Held by a setting",
            "By the settings of this administration invoices are not sent now.",
            "Should this one go all the same? Change the setting routing.deliver. " + _RELEASE_EN,
        ),
    },
    "delivered_by_invoicesharing": {
        "nl": (
            "InvoiceSharing bezorgt deze factuur",
            "Exact Online mailt de facturen van deze klant naar InvoiceSharing, die ze bezorgt.",
            "U hoeft niets te doen.",
        ),
        "en": (
            "InvoiceSharing delivers this invoice",
            "Exact Online mails this customer's invoices to InvoiceSharing, which delivers them.",
            "Nothing to do.",
        ),
    },
    "history": {
        "nl": (
            "Van vóór de startdatum",
            "Deze factuur is van vóór de startdatum; zij wordt bewaard en niet verstuurd.",
            "U hoeft niets te doen.",
        ),
        "en": (
            "From before the start date",
            "This invoice is from before the start date; it is kept and not sent.",
            "Nothing to do.",
        ),
    },
}  # fmt: skip
_RIGHTS: dict[str, dict[str, str]] = {
    "BlockedUser": {
        "nl": "De gebruiker van deze koppeling is geblokkeerd in Exact; deblokkeer die, of koppel met een ander.",
        "en": "The user of this connection is blocked in Exact; unblock it or connect as another one.",
    },
    "InactiveUser": {
        "nl": "De gebruiker van deze koppeling is niet actief in Exact; activeer die, of koppel met een ander.",
        "en": "The user of this connection is inactive in Exact; activate it or connect as another one.",
    },
    "BlockedCustomer": {
        "nl": "Exact heeft deze licentie geblokkeerd; vraag het Exact.",
        "en": "Exact has blocked this licence; ask Exact.",
    },
    "LicenseExpired": {
        "nl": "De licentie van Exact is verlopen; verleng die.",
        "en": "The Exact licence has expired; renew it.",
    },
    "DivisionBlocked": {
        "nl": "De administratie is geblokkeerd in Exact (back-up of conversie); wacht, of vraag het Exact.",
        "en": "The administration is blocked in Exact (backup or conversion); wait or ask Exact.",
    },
    "NoDivisionAccess": {
        "nl": "Geef de gebruiker toegang tot deze administratie, en vink haar aan bij het opnieuw koppelen.",
        "en": "Give the user access to this administration, and tick it when connecting again.",
    },
    "scope": {
        "nl": "Geef de app-registratie bij Exact de scope '{scope}', en koppel daarna opnieuw.",
        "en": "Give the app registration at Exact the scope '{scope}', then connect again.",
    },
    "unauthorized": {
        "nl": "Kijk met `connector connections`; blijft het zo, koppel dan opnieuw.",
        "en": "See `connector connections`; connect again when it stays.",
    },
    "": {
        "nl": "Geef de gebruiker dit recht in Exact, en de app-registratie de scope '{scope}'; koppel daarna opnieuw.",
        "en": "Give the user this right in Exact, and the app registration the scope '{scope}'; then connect again.",
    },
}
"""What helps against each `Reason` of a 403; "" is for every other one. Source: exact-online-api.md 2.9, 2.11."""
_UNKNOWN_SCOPE = {"nl": "die dit dekt", "en": "that covers this"}


def right_remedy(reason: str, scope: str, language: str) -> str:
    """Say what helps when Exact forbids something.

    Args:
        reason: Exact's `Reason` header, ``scope``, ``unauthorized``, or anything else.
        scope: What the app registration has to have, such as ``Crm accounts``; "" when we know none.

    >>> right_remedy("scope", "Crm accounts", "nl")
    "Geef de app-registratie bij Exact de scope 'Crm accounts', en koppel daarna opnieuw."
    """
    text = _RIGHTS.get(reason.split(":")[0].strip(), _RIGHTS[""])[language]
    return text.replace("{scope}", scope) if scope else text.replace("'{scope}'", _UNKNOWN_SCOPE[language])


REASONS = frozenset(_REASONS)
"""Every word that `reason_text` knows."""

_CONNECT_NL = "Koppel opnieuw, als dezelfde gebruiker van Exact Online, met: connector connect"
_CONNECT_EN = "Connect again, as the same user of Exact Online, with: connector connect"
_CAUSES: dict[str, dict[str, tuple[str, str, str]]] = {
    "old_refresh_token": {
        "nl": (
            "De koppeling is elders gebruikt",
            "Exact Online meldt dat de sleutel van deze koppeling al is gebruikt. Meestal werkt dezelfde gebruiker met "
            "dezelfde app ook op een andere plaats, zoals een tweede installatie of een testomgeving.",
            "Zet die andere plaats uit, of geef haar een eigen app. " + _CONNECT_NL,
        ),
        "en": (
            "The connection was used elsewhere",
            "Exact Online says that the key of this connection was used before. Most often the same user works with "
            "the same app in another place, too, such as a second installation or a test bench.",
            "Stop that other place, or give it an app of its own. " + _CONNECT_EN,
        ),
    },
    "lost_in_flight": {
        "nl": (
            "Een antwoord van Exact Online is verloren gegaan",
            "De connector werd onderbroken, of de verbinding viel weg, juist toen Exact Online nieuwe sleutels gaf. De "
            "oude gelden sindsdien niet meer.",
            _CONNECT_NL,
        ),
        "en": (
            "An answer of Exact Online was lost on its way",
            "The connector was interrupted, or the line dropped, just when Exact Online gave new keys. The old ones no "
            "longer count.",
            _CONNECT_EN,
        ),
    },
    "refresh_token_expired": {
        "nl": (
            "De koppeling is verlopen",
            "Exact Online beëindigt een koppeling die 30 dagen niet is vernieuwd.",
            "Laat de connector voortaan steeds draaien (connector run). " + _CONNECT_NL,
        ),
        "en": (
            "The connection has expired",
            "Exact Online ends a connection that was not renewed for 30 days.",
            "Keep the connector running from now on (connector run). " + _CONNECT_EN,
        ),
    },
    "invalid_grant": {
        "nl": (
            "De toestemming geldt niet meer",
            "Exact Online erkent de toestemming niet meer, ook niet bij herhaling. Waarschijnlijk is zij in Exact "
            "Online ingetrokken, of heeft dezelfde gebruiker de app elders opnieuw gekoppeld.",
            _CONNECT_NL,
        ),
        "en": (
            "The consent no longer holds",
            "Exact Online no longer accepts the consent, repeatedly. Probably it was withdrawn in Exact Online, or the "
            "same user has connected the app anew elsewhere.",
            _CONNECT_EN,
        ),
    },
    "restored": {
        "nl": (
            "De database is teruggezet uit een reservekopie",
            "De sleutels in deze kopie zijn sindsdien vervangen. Daarom is Exact Online niets gevraagd.",
            "Ga na dat de connector niet ook nog op een andere plaats draait. " + _CONNECT_NL,
        ),
        "en": (
            "The database was restored from a backup",
            "The keys in this copy were replaced since. So Exact Online was not asked anything.",
            "Make sure that the connector does not run in another place, too. " + _CONNECT_EN,
        ),
    },
}
_TROUBLES: dict[str, dict[str, str]] = {
    "too_early": {
        "nl": "Exact Online vindt het nog te vroeg om de koppeling te vernieuwen.",
        "en": "Exact Online finds it too early to renew the connection.",
    },
    "unreachable": {"nl": "Exact Online is niet bereikbaar.", "en": "Exact Online cannot be reached."},
    "no_answer": {
        "nl": "Exact Online geeft geen bruikbaar antwoord als de connector de koppeling wil vernieuwen.",
        "en": "Exact Online gives no usable answer when the connector wants to renew the connection.",
    },
    "client_refused": {
        "nl": "Exact Online herkent het client-ID of het geheim van de app niet; vergelijk exact.client_id en het "
        "geheim met de registratie van de app.",
        "en": "Exact Online does not recognise the client id or the secret of the app; compare exact.client_id and the "
        "secret with the registration of the app.",
    },
    "refused": {
        "nl": "Exact Online weigert op dit moment de koppeling te vernieuwen.",
        "en": "Exact Online refuses to renew the connection at the moment.",
    },
}
_LOST_MAIL = {
    "nl": {
        "subject": "De koppeling met Exact Online is verbroken: {title}",
        "text": "Geachte heer, mevrouw,\n\nDe connector kan niet meer bij Exact Online voor:\n{divisions}\n\n"
        "Tot u opnieuw koppelt worden daar geen relaties en facturen opgehaald.\n\n"
        "Reden: {title}\n{explanation}\n\nWat kunt u doen?\n{remedy}\n"
        "Uw administraties en alles wat al is opgehaald blijven bewaard.\n\n"
        "Dit bericht is automatisch gemaakt; u krijgt het één keer.",
    },
    "en": {
        "subject": "The connection with Exact Online is lost: {title}",
        "text": "Dear Sir or Madam,\n\nThe connector can no longer reach Exact Online for:\n{divisions}\n\n"
        "Until you connect again no customers and invoices are read there.\n\n"
        "Reason: {title}\n{explanation}\n\nWhat can you do?\n{remedy}\n"
        "Your divisions and all that was read so far are kept.\n\n"
        "This message was made automatically; you get it once.",
    },
}
_EXPIRING_MAIL = {
    "nl": {
        "subject": "De koppeling met Exact Online verloopt over {days}",
        "day": "1 dag",
        "days": "{n} dagen",
        "text": "Geachte heer, mevrouw,\n\nDe koppeling met Exact Online verloopt over {days}. Zij is voor:\n"
        "{divisions}\n\nDe connector vernieuwt haar anders elke week vanzelf. {trouble}\n\nWat kunt u doen?\n"
        "Laat uw systeembeheerder nagaan of de connector draait (connector run) en wat hij meldt (connector doctor). "
        "Lukt vernieuwen niet op tijd, koppel dan opnieuw met: connector connect\n\n"
        "Dit bericht is automatisch gemaakt.",
    },
    "en": {
        "subject": "The connection with Exact Online expires in {days}",
        "day": "1 day",
        "days": "{n} days",
        "text": "Dear Sir or Madam,\n\nThe connection with Exact Online expires in {days}. It is for:\n"
        "{divisions}\n\nAs a rule the connector renews it every week by itself. {trouble}\n\nWhat can you do?\n"
        "Let your system manager see whether the connector runs (connector run) and what it says (connector doctor). "
        "Should it not be renewed in time, connect again with: connector connect\n\n"
        "This message was made automatically.",
    },
}

_MONTHS = {
    "nl": (
        "januari", "februari", "maart", "april", "mei", "juni",
        "juli", "augustus", "september", "oktober", "november", "december",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
}  # fmt: skip
_INVOICE_MAIL = {
    "nl": {
        "invoice": "Factuur",
        "credit_note": "Creditfactuur",
        "subject": "{kind} {number} van {seller}",
        "opening": "Geachte heer, mevrouw,\n\nBijgaand ontvangt u van {seller} {kind} {number}.",
        "amount": "Bedrag: {amount}",
        "due": "Te betalen vóór of op: {due}",
        "closing": "De factuur is bijgevoegd als e-factuur (XML), voor uw boekhoudprogramma{pdf}.\n\n"
        "Met vriendelijke groet,\n{seller}",
        "pdf": ", en als pdf, om te lezen",
    },
    "en": {
        "invoice": "Invoice",
        "credit_note": "Credit note",
        "subject": "{kind} {number} from {seller}",
        "opening": "Dear Sir or Madam,\n\nPlease find attached, from {seller}, {kind} {number}.",
        "amount": "Amount: {amount}",
        "due": "Payable by: {due}",
        "closing": "It is attached as an e-invoice (XML), for your bookkeeping software{pdf}.\n\n"
        "Kind regards,\n{seller}",
        "pdf": ", and as a PDF, to read",
    },
}
_NOTICE_MAIL = {
    "nl": {
        "subject": "Factuur {number} vraagt uw aandacht: {title}",
        "unnamed": "zonder nummer",
        "text": "Geachte heer, mevrouw,\n\nFactuur {number}{customer} kan zonder u niet verder.\n\n"
        "Reden: {title}\n{explanation}\n\n{detail}Wat kunt u doen?\n{remedy}\n\n"
        "Dit bericht is automatisch gemaakt; u krijgt het één keer.",
        "customer": " voor {customer}",
        "detail": "Bijzonderheid: {detail}\n\n",
    },
    "en": {
        "subject": "Invoice {number} needs your attention: {title}",
        "unnamed": "without a number",
        "text": "Dear Sir or Madam,\n\nInvoice {number}{customer} cannot go on without you.\n\n"
        "Reason: {title}\n{explanation}\n\n{detail}What can you do?\n{remedy}\n\n"
        "This message was made automatically; you get it once.",
        "customer": " for {customer}",
        "detail": "Detail: {detail}\n\n",
    },
}


def reason_text(reason: str, language: str, *, invoice_id: str = "ID") -> ReasonText:
    """Put a reason into words.

    Args:
        reason: One of `REASONS`.
        language: nl or en.
        invoice_id: Goes into the commands of the remedy; by default they are shown with ID.

    Raises:
        KeyError: An unknown reason or language: a fault of ours.
    """
    title, explanation, remedy = _REASONS[reason][language]
    return ReasonText(title=title, explanation=explanation, remedy=remedy.replace("{id}", invoice_id))


def invoice_mail(
    *,
    language: str,
    number: str,
    seller: str,
    amount: Decimal | None,
    currency: str,
    due_date: date | None,
    is_credit_note: bool = False,
    has_pdf: bool = True,
) -> tuple[str, str]:
    """Give subject and text of the mail that brings an invoice to its recipient."""
    words = _INVOICE_MAIL[language]
    kind = words["credit_note" if is_credit_note else "invoice"]
    number, seller = one_line(number), one_line(seller)
    facts = []
    if amount is not None:
        facts.append(words["amount"].format(amount=money(amount, currency, language)))
    if due_date is not None and not is_credit_note:
        facts.append(words["due"].format(due=day(due_date, language)))
    parts = [
        words["opening"].format(kind=kind.lower(), number=number, seller=seller),
        "\n".join(facts),
        words["closing"].format(pdf=words["pdf"] if has_pdf else "", seller=seller),
    ]
    subject = words["subject"].format(kind=kind, number=number, seller=seller)
    return subject, "\n\n".join(part for part in parts if part) + "\n"


def notice_mail(
    *, language: str, number: str, customer: str, reason: str, detail: str = "", invoice_id: str = "ID"
) -> tuple[str, str]:
    """Give subject and text of the notice that tells the sender that an invoice waits or failed, and why."""
    words, why = _NOTICE_MAIL[language], reason_text(reason, language, invoice_id=one_line(invoice_id))
    number = one_line(number) or words["unnamed"]
    customer, detail = one_line(customer), one_line(detail)
    text = words["text"].format(
        number=number,
        customer=words["customer"].format(customer=customer) if customer else "",
        title=why.title,
        explanation=why.explanation,
        detail=words["detail"].format(detail=detail) if detail else "",
        remedy=why.remedy,
    )
    return words["subject"].format(number=number, title=why.title), text + "\n"


def cause_text(cause: str, language: str) -> ReasonText:
    """Put into words why a connection is lost and what to do.

    Raises:
        KeyError: An unknown cause or language: a fault of ours.
    """
    title, explanation, remedy = _CAUSES[cause][language]
    return ReasonText(title=title, explanation=explanation, remedy=remedy)


def loss_remedy(cause: str, language: str) -> str:
    """Say what to do about a lost connection, and that nothing else is lost."""
    kept = {"nl": "administraties, cursors en geschiedenis blijven", "en": "divisions, cursors and history stay"}
    return f"{cause_text(cause, language).remedy}; {kept[language]}"


def trouble_text(trouble: str, language: str) -> str:
    """Put into words why a connection could not be renewed the last time: one sentence."""
    return _TROUBLES[trouble][language]


def lost_mail(*, language: str, cause: str, divisions: Sequence[str]) -> tuple[str, str]:
    """Give subject and text of the mail that says that a connection is lost.

    Args:
        divisions: Code and name of each.
    """
    words, why = _LOST_MAIL[language], cause_text(cause, language)
    text = words["text"].format(
        divisions="\n".join(f"- {one_line(division)}" for division in divisions),
        title=why.title,
        explanation=why.explanation,
        remedy=why.remedy,
    )
    return words["subject"].format(title=why.title), text + "\n"


def expiring_mail(*, language: str, days_left: int, divisions: Sequence[str], trouble: str) -> tuple[str, str]:
    """Give subject and text of the mail that says that a connection will expire, and what keeps it from living on."""
    words = _EXPIRING_MAIL[language]
    days = words["day"] if days_left == 1 else words["days"].format(n=days_left)
    text = words["text"].format(
        days=days,
        divisions="\n".join(f"- {one_line(division)}" for division in divisions),
        trouble=trouble_text(trouble, language),
    )
    return words["subject"].format(days=days), text + "\n"


def one_line(text: str, *, longest: int | None = 200) -> str:
    """Make text from outside fit for a subject or a table: no line breaks, no control characters, not too long.

    >>> one_line("2026-1\\r\\nBcc: x@y.example")
    '2026-1 Bcc: x@y.example'
    """
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:longest]


def spreadsheet_cell(text: str) -> str:
    """Make text from outside fit for a csv: an apostrophe before all that a spreadsheet would calculate.

    Also where a new cell would begin for one that takes another separator, and with control characters as spaces.

    >>> spreadsheet_cell("=1+1"), spreadsheet_cell("1+1"), spreadsheet_cell("Jansen;@SUM(1)\\r\\n-1")
    ("'=1+1", '1+1', "Jansen;'@SUM(1)  -1")
    """
    return _CALCULATED.sub("'", "".join(" " if category(c) in _CONTROLS else c for c in text))


def from_spreadsheet_cell(text: str) -> str:
    """Take back the apostrophes of `spreadsheet_cell`."""
    return _GUARDED.sub("", text)


def counted(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun.

    >>> counted(1, "customer"), counted(1200, "customer"), counted(2, "city", "cities")
    ('1 customer', '1200 customers', '2 cities')
    """
    return f"{number} {one if number == 1 else many or one + 's'}"


def money(amount: Decimal, currency: str, language: str) -> str:
    """Write an amount as people do.

    >>> money(Decimal("-48210.5"), "EUR", "nl"), money(Decimal("48210.55"), "USD", "en")
    ('€ -48.210,50', 'USD 48,210.55')
    """
    figures = f"{amount:,.2f}"
    if language == "nl":
        figures = figures.translate({ord(","): ".", ord("."): ","})
    return f"{'€' if currency == 'EUR' else one_line(currency)} {figures}".strip()


def day(value: date, language: str) -> str:
    """Write a date in words.

    >>> day(date(2026, 11, 2), "nl"), day(date(2026, 11, 2), "en")
    ('2 november 2026', '2 November 2026')
    """
    return f"{value.day} {_MONTHS[language][value.month - 1]} {value.year}"
